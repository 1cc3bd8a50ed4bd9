"""A file on its way from a browser into the data folder, encrypted as it comes."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest
from django.utils.translation import gettext as _

from customers.imports.storing import Arrival, Stored, TooBig, delete_unrecorded

FILE_FIELD = "file"
NAME_ALONE = b"-"  # what a form sees of the file's content: that there is some


class SealingHandler(FileUploadHandler):
    """Takes the one file of a form. `stored` says where it is, `fault` why it isn't."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.stored: Stored | None = None
        self.fault = ""
        self._arrival: Arrival | None = None

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        """Begin the file; anything else that was sent as one is skipped."""
        super().new_file(field_name, *args, **kwargs)
        if field_name != FILE_FIELD or self._arrival:
            raise SkipFile
        try:
            self._arrival = Arrival()
        except OSError as error:
            raise self._stop(_describe_disk(error)) from None

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a piece. What is too much, or has no room, is taken in and forgotten."""
        assert self._arrival
        try:
            self._arrival.add(raw_data)
        except TooBig:
            raise self._stop(_("The file is larger than may be brought at once: cut it.")) from None
        except OSError as error:
            self._arrival.drop()
            raise self._stop(_describe_disk(error)) from None

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        """Keep the file; the form gets its name."""
        assert self._arrival
        if file_size:
            self.stored = self._arrival.close()
        return SimpleUploadedFile(str(self.file_name), NAME_ALONE if file_size else b"")

    def forget(self) -> None:
        """Leave nothing of a file that isn't put on record."""
        if self.stored:
            delete_unrecorded(self.stored.stored_as)
        elif self._arrival:
            self._arrival.drop()

    def _stop(self, fault: str) -> StopUpload:
        self.fault = fault
        return StopUpload(connection_reset=False)


def _describe_disk(error: OSError) -> str:
    return _("The server can’t keep the file: %(why)s.") % {"why": error.strerror}

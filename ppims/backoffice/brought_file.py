"""A file on its way from a browser into the data folder, encrypted as it comes. Its view reads the
body, once it is known who sends it (ppims/core/uploads.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ppims.backoffice.access import NUL_CHARACTER, list_texts
from ppims.core.errors import Unavailable
from ppims.models import Processor
from ppims.services.brought_files import BYTES_A_MIB, Arrival, Stored, TooBig

FILE_FIELD = "file"
NAME_ALONE = b"-"  # what a form sees of the file's content: that there is some
# Of a worker's threads for pages, so many may wait for files at a time.
UPLOAD_PLACES = BoundedSemaphore(max(1, settings.PPIMS_THREADS // 2))


class SealingHandler(FileUploadHandler):
    """Takes the one file of a form. `stored` says where it is, `fault` why it isn't."""

    def __init__(self, request: HttpRequest, begin: Callable[[], Arrival]) -> None:
        super().__init__(request)
        self.stored: Stored | None = None
        self.fault = ""
        self._begin = begin
        self._arrival: Arrival | None = None

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        """Begin the file; anything else that was sent as one is skipped."""
        super().new_file(field_name, *args, **kwargs)
        if field_name != FILE_FIELD or self._arrival:
            raise SkipFile
        try:
            self._arrival = self._begin()
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

    def drop_unfinished(self) -> None:
        """Leave nothing of a file that didn't come whole."""
        if self._arrival and not self.stored:
            self._arrival.drop()

    def _stop(self, fault: str) -> StopUpload:
        self.fault = fault
        return StopUpload(connection_reset=False)


@contextmanager
def take_file(
    request: HttpRequest, *, begin: Callable[[], Arrival], forget: Callable[[Stored], object]
) -> Iterator[SealingHandler]:
    """Let a view read a form with its file. What came is forgotten, unless the view puts it on
    record and sets `stored` to None. Raises Unavailable where too many come at a time, BadRequest
    where the body doesn't come whole.
    """
    handler = SealingHandler(request, begin)
    if request.method != "POST":
        yield handler
        return
    request.upload_handlers = [handler]
    if not UPLOAD_PLACES.acquire(blocking=False):
        raise Unavailable
    try:
        yield handler
    except (UnreadablePostError, OSError):
        raise BadRequest("The body did not come whole") from None
    finally:
        UPLOAD_PLACES.release()
        handler.drop_unfinished()
        if handler.stored:
            forget(handler.stored)


class ProcessorField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of processors, by name and code."""

    def label_from_instance(self, obj: Processor) -> str:
        return f"{obj.name} ({obj.system_id})"


class BroughtFileForm(forms.Form):
    """Whose file, and the file. `of_states` are the processors to choose from."""

    marks_required = False
    of_states = tuple(Processor.State)
    processor = ProcessorField(
        Processor.objects.none(),
        label=gettext_lazy("Processor"),
        empty_label=gettext_lazy("Choose a processor"),
        error_messages={
            "required": gettext_lazy("Choose the processor."),
            "invalid_choice": gettext_lazy("Choose the processor from the list."),
        },
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        error_messages={
            "required": gettext_lazy("Choose the file."),
            "invalid": gettext_lazy("Choose the file."),
            "empty": gettext_lazy("The file is empty: choose another."),
        },
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["processor"]
        assert isinstance(choice, forms.ModelChoiceField)
        found = Processor.objects.filter(state__in=self.of_states)
        choice.queryset = found.order_by("system_id")
        self.fields["file"].help_text = _write_most()


def require_no_nul(request: HttpRequest) -> None:
    """Look at what came beside the file as `refuse_nul` does at all other forms."""
    if any(NUL_CHARACTER in text for text in list_texts(request.POST)):
        raise BadRequest("A NUL was sent")


def _write_most() -> str:
    """Say which files may be brought."""
    most = settings.PPIMS_FILE_BYTES // BYTES_A_MIB
    hint = _("CSV in UTF-8, of at most %(most)s MiB; not a spreadsheet’s own file")
    return hint % {"most": most}


def _describe_disk(error: OSError) -> str:
    return _("The server can’t keep the file: %(why)s.") % {"why": error.strerror}

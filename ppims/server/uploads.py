"""The pages that take a file: which they are, and how one comes in without ever lying plain on a
disk. No other page takes a body of more than 256 KiB.
"""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from ppims.services import brought_files

UPLOAD_PATHS = frozenset({"/reconcile/bring"})
MOST_FILE_BYTES = 64 * 1024 * 1024
MOST_BODY_BYTES = MOST_FILE_BYTES + 64 * 1024  # with the other fields of its form


def may_take_file(path: str) -> bool:
    """Whether a page of this path takes a file."""
    return path in UPLOAD_PATHS


class Brought(UploadedFile):  # type: ignore[type-arg]
    """A file that came with a form, stored; `digest` is its SHA-256 in hex."""

    def __init__(self, name: str, writer: brought_files.Writer) -> None:
        super().__init__(None, name, size=writer.size_bytes)
        self.stored_as, self.digest = writer.name, writer.digest


class StoringHandler(FileUploadHandler):
    """Stores the files of a request as they come, encrypted. `kept_name` is that of the one which
    is to stay when the request has been answered.
    """

    kept_name = ""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._writers: list[brought_files.Writer] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._writers.append(brought_files.Writer())

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._writers[-1].write(raw_data)

    def file_complete(self, file_size: int) -> Brought:
        self._writers[-1].finish()
        return Brought(self.file_name or "", self._writers[-1])

    def remove_others(self) -> None:
        """Delete what was stored, but for what is kept."""
        for writer in self._writers:
            if writer.name != self.kept_name:
                writer.remove()

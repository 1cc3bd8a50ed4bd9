"""What the commands that write exports share: where to, in which form, masked or not, and what the
file came to.
"""

import hashlib
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from ppims.backoffice.row_files import Columns, Row, write_rows
from ppims.core.errors import Malformed
from ppims.core.free_text import require_text
from ppims.core.private_files import OWNER_ALONE
from ppims.models import LONGEST_NOTE


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of every export."""
    parser.add_argument("--json-lines", action="store_true", help="a line of JSON for each row")
    parser.add_argument("--to", type=Path, help="the file, a new one; left out: standard output")
    parser.add_argument(
        "--unmasked",
        action="store_true",
        help="whole numbers and addresses; needs --to and --reason, and is audited with both",
    )
    parser.add_argument("--reason", default="", help="why it has to be unmasked")


def read_reason(options: dict[str, Any]) -> str:
    """Read why an export is to be unmasked; "" where it isn't. Raises CommandError."""
    if not options["unmasked"]:
        if options["reason"]:
            raise CommandError("--reason is for --unmasked.")
        return ""
    # Standard output may be a terminal, which remembers, or a file that others may read.
    if options["to"] is None:
        raise CommandError("--unmasked needs --to FILE, which only its owner will read.")
    try:
        return require_text(options["reason"], "--reason", most=LONGEST_NOTE)
    except Malformed as refusal:
        raise CommandError(f"--unmasked: {refusal.describe()}") from None


class Output:
    """Where an export is written. `count` is of its rows, `digest` the SHA-256 of all that was
    written, as `sha256sum` has it.
    """

    def __init__(self, write: Callable[[str], object], *, as_lines: bool) -> None:
        self.count, self._sum = 0, hashlib.sha256()
        self._write, self._as_lines = write, as_lines

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def write(self, columns: Columns, batches: Iterable[Sequence[Row]]) -> None:
        """Write all rows, a batch at a time."""
        for text in write_rows(columns, self._count(batches), as_lines=self._as_lines):
            self._sum.update(text.encode())
            self._write(text)

    def _count(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        for rows in batches:
            self.count += len(rows)
            yield rows


@contextmanager
def open_output(options: dict[str, Any], stdout: OutputWrapper) -> Iterator[Output]:
    """Open the file that is asked for, which only its owner reads, or standard output. A file that
    doesn't come whole is taken away again. Raises CommandError where there is one already.
    """
    path, as_lines = options["to"], options["json_lines"]
    if path is None:
        yield Output(partial(stdout.write, ending=""), as_lines=as_lines)
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from error
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield Output(file.write, as_lines=as_lines)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise

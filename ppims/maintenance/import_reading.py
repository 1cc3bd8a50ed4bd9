"""Read a file of customers that was brought: judge its rows, keep the refused ones, change nothing
else.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from customers.imports import judging, storing
from customers.imports.columns import ROW_COLUMN, WHY_COLUMN, UnreadableFile
from customers.imports.judging import Judged, Outcome, Seen
from customers.imports.reading import Table
from customers.models import ImportFile
from customers.services import imports
from ppims.core import keys
from ppims.core.csv_cells import quote_formula
from ppims.core.errors import Conflict
from ppims.core.sealed_files import Broken
from ppims.models import Job
from ppims.services import jobs

T = TypeVar("T")
ROWS_AT_ONCE = 500
BYTES_A_KIB = 1024
FILE_ERRORS = (OSError, Broken, keys.KeyMissing)


def read_brought_file(job: Job, progress: jobs.Progress) -> dict[str, object]:
    """Do the job of reading a file."""
    file = ImportFile.objects.get(pk=jobs.read_arguments(job)["file"])
    return read_file(file, progress)


def read_file(file: ImportFile, progress: jobs.Progress) -> dict[str, object]:
    """Read a file, keep what was found and the rows that are refused, and return it. Nothing else
    changes. Raises Conflict where the file isn't there as it was brought.
    """
    counts: Counter[Outcome] = Counter()
    try:
        with storing.write_refused(file) as refused:
            pieces = _tell_of_pieces(storing.read_rows(file), file, progress)
            table = Table(pieces, system_id=file.processor.system_id, at=file.brought_at)
            refused.write(_write_line([ROW_COLUMN, WHY_COLUMN, *table.names]))
            seen = Seen()
            for rows in cut(table, ROWS_AT_ONCE):
                judged = judging.judge_rows(rows, processor=file.processor, seen=seen)
                counts += judging.count_outcomes(judged)
                refused.write(b"".join(_write_refused(judged)))
        fault = "" if counts else "The file has no rows."
    except UnreadableFile as unreadable:
        counts, fault = Counter(), str(unreadable)
    except FILE_ERRORS as error:
        raise make_conflict(error) from None
    found = {f"{outcome.value}_count": count for outcome, count in counts.items()}
    imports.keep_reading(file_id=file.pk, counts=found, fault=fault)
    return {"file": file.pk, "fault": fault, "rows": counts.total(), **found}


def _tell_of_pieces(
    pieces: Iterable[bytes], file: ImportFile, progress: jobs.Progress
) -> Iterator[bytes]:
    done, total = 0, max(1, file.size_bytes // BYTES_A_KIB)
    for piece in pieces:
        yield piece
        done += len(piece)
        progress(min(total, done // BYTES_A_KIB), total)


def _write_refused(judged: Iterable[Judged]) -> Iterator[bytes]:
    for each in judged:
        if each.outcome is Outcome.REFUSED:
            why = "; ".join(f"{name} {message}".strip() for name, message in each.errors)
            yield _write_line([str(each.row.number), why, *each.row.cells])


def _write_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(map(quote_formula, cells))
    return text.getvalue().encode()


def make_conflict(error: Exception) -> Conflict:
    """Say, for people, why a file that was brought can't be read any more."""
    if isinstance(error, FileNotFoundError):
        said = "The file isn’t in the data folder of this machine, where background work is done."
    elif isinstance(error, keys.KeyMissing):
        said = "The key that the file was kept by is in no ring here."
    elif isinstance(error, OSError):
        said = f"The data folder can’t be used: {error.strerror}."
    else:
        said = "The file in the data folder is not as it was brought: bring it again."
    return Conflict([("", said)])


def cut(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut rows into batches."""
    each = iter(rows)
    while batch := list(islice(each, size)):
        yield batch

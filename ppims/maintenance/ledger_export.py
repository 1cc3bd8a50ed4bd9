"""The ledger as rows of a file: each entry, then each check, with all that its signature is over,
the key's name and the signature. docs/ledger.md, "An export, held against the seals".
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, DateTimeField

from limits.models import LedgerEntry, LimitCheck
from limits.verify.ref_ids import OF_REF_ID, stream_with_ref_ids
from ppims.core import calendar
from ppims.core.formats import mask
from ppims.core.keys import EPOCH
from ppims.db import signed_rows, statements
from ppims.db.instants import to_indexed, write_indexed
from ppims.db.streaming import Reader
from ppims.db.streaming import Row as PlainRow
from ppims.db.transaction import read_snapshot
from ppims.models import Operation, Processor

ROWS_AT_ONCE = 2_000  # as many are in memory at a time
Row = dict[str, Any]
PERSONAL_COLUMNS = ("account_number", "cif_id")
SAID_COLUMN = "ref_id_said"  # what the Ref_Id said, of which a signature is too

# The index by time says between which ids the rows are: the rest of the table isn't looked at.
READ_BOUNDS = """
    WITH few AS MATERIALIZED (SELECT t.id FROM {table} t WHERE {at} >= %s AND {at} < %s)
    SELECT MIN(id), MAX(id) FROM few
"""
BATCH_TAIL = """
    {{keys}} WHERE t.id > %s AND t.id <= %s AND {at} >= %s AND {at} < %s ORDER BY t.id LIMIT {rows}
"""


class Source:
    """A table of the ledger. `record` is what its rows are called, `signature` the column that
    signs them.
    """

    def __init__(
        self, record: str, model: type[LedgerEntry | LimitCheck], signature: str, operation: str
    ) -> None:
        self.record, self.operation = record, operation
        self.table = model._meta.db_table
        names = ["id", *signed_rows.list_fields(model), "key_id", signature]
        self.reader = Reader(model, names)
        # In a file a signature has one name, whichever table it is of.
        self.names = [*names[:-1], "signature"]
        kinds = {field.attname: field for field in self.reader.fields}
        self.instants = [n for n, kind in kinds.items() if isinstance(kind, DateTimeField)]
        self.claims = [n for n, kind in kinds.items() if isinstance(kind, BooleanField)]

    def make_row(self, plain: PlainRow, system_ids: Mapping[int, str]) -> Row:
        """Make what a file has of a row, unmasked, of its columns and OF_REF_ID."""
        row = {**EMPTY_ROW, "record": self.record, **dict(zip(self.names, plain, strict=False))}
        said = plain[len(self.names) + OF_REF_ID.index("digests")]
        row["processor"] = system_ids.get(row["processor_id"])
        row[SAID_COLUMN], row["signature"] = (
            bytes(each or b"").hex() for each in (said, row["signature"])
        )
        for name in self.instants:
            row[name] = _write_instant(row[name])
        for name in self.claims:
            row[name] = bool(row[name])
        return row


LEDGER_TABLES = (
    Source("entry", LedgerEntry, "digest", Operation.UPDATE_LIMIT),
    Source("check", LimitCheck, "mac", Operation.CHECK_LIMIT),
)
# By what JSON names them, in a spreadsheet too: they are what docs/ledger.md and the code say.
COLUMN_HEADS: Mapping[str, object] = {
    name: name
    for source in LEDGER_TABLES
    for name in ("record", "processor", *source.names, SAID_COLUMN)
}
EMPTY_ROW: Row = dict.fromkeys(COLUMN_HEADS)


def read_batches(
    since: datetime | None, until: datetime, *, is_unmasked: bool = False
) -> Iterator[list[Row]]:
    """Read the entries from an instant on and before another, and then the checks, by their ids."""
    system_ids = dict(Processor.objects.values_list("pk", "system_id"))
    frame = [to_indexed(at) for at in (since or EPOCH, until)]
    for source in LEDGER_TABLES:
        last, upto = _find_bounds(source, frame)
        while plain := _read(source, [last, upto, *frame]):
            rows = [source.make_row(each, system_ids) for each in plain]
            last = rows[-1]["id"]
            yield rows if is_unmasked else [_mask(row) for row in rows]


def _find_bounds(source: Source, frame: list[Any]) -> tuple[int, int]:
    sql = READ_BOUNDS.format(table=source.table, at=write_indexed('t."at"'))
    with read_snapshot():
        first, last = statements.read_row(sql, frame) or (None, None)
    return (0, 0) if first is None else (first - 1, last)


def _read(source: Source, values: list[Any]) -> list[PlainRow]:
    tail = BATCH_TAIL.format(at=write_indexed('t."at"'), rows=ROWS_AT_ONCE)
    with read_snapshot():  # one for each batch: none grows old
        return list(stream_with_ref_ids([source.reader], tail, values, source.operation))


def _write_instant(count: int | None) -> str | None:
    """Write an instant to the microsecond, for a signature is over that."""
    if count is None:
        return None
    return calendar.from_microseconds(count).isoformat(timespec="microseconds")


def _mask(row: Row) -> Row:
    hidden = {name: mask(row[name] or "", shown=4) or row[name] for name in PERSONAL_COLUMNS}
    return {**row, **hidden}

"""Rows with what their Ref_Ids say of them. On many machines a Ref_Id stands apart from its row,
and is looked up for some thousand rows at once.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from ppims.db import nodes, statements
from ppims.db.streaming import Reader, Row, stream_joined
from ppims.models import ReplayKey

OF_REF_ID = ["row_id", "customer_id", "digests"]
KEY_READER = Reader(ReplayKey, OF_REF_ID, "k")
JOIN_KEYS = """
    LEFT JOIN ppims_replaykey k
        ON k.processor_id = t.processor_id AND k.operation = {operation} AND k.ref_id = t.ref_id
"""
NAMES = ["processor_id", "ref_id"]
READ_KEYS = """
    SELECT processor_id, ref_id, operation, row_id, customer_id, digests FROM ppims_replaykey
    WHERE processor_id = ANY(%s::bigint[]) AND operation = ANY(%s::text[])
        AND ref_id = ANY(%s::text[])
"""
NO_KEY: Row = (None,) * len(OF_REF_ID)
ROWS_AT_ONCE = 2_000


def stream_with_ref_ids(
    readers: Sequence[Reader], tail: str, span: Sequence[int], operation: str = ""
) -> Iterator[Row]:
    """Stream rows as `stream_joined` does, with OF_REF_ID of each row's Ref_Id behind them. The
    tail has {keys} for the place where that is joined; without an operation a row names its own.
    """
    if not nodes.are_many():
        joined = JOIN_KEYS.format(operation=f"'{operation}'" if operation else "t.operation")
        yield from stream_joined((*readers, KEY_READER), tail.format(keys=joined), span)
        return
    names = NAMES if operation else [*NAMES, "operation"]
    # What its Ref_Id is looked up by stands behind each row for a moment.
    named = Reader(readers[0].fields[0].model, names)
    rows = stream_joined((*readers, named), tail.format(keys=""), span)
    for batch in iter(partial(_take, rows, len(names), operation), []):
        keys = _read_keys({name for _, name in batch})
        yield from ((*row, *keys.get(name, NO_KEY)) for row, name in batch)


def _take(rows: Iterator[Row], width: int, operation: str) -> list[tuple[Row, Row]]:
    """Take the next rows, and of each by what its Ref_Id is looked up."""
    of_all = (operation,) if operation else ()
    return [(row[:-width], (*row[-width:], *of_all)) for row in islice(rows, ROWS_AT_ONCE)]


def _read_keys(names: set[Row]) -> dict[Row, Row]:
    known = [name for name in names if None not in name]  # staff's entries have no Ref_Id
    processors, refs, operations = (sorted({name[at] for name in known}) for at in range(3))
    found = statements.read_rows(READ_KEYS, [processors, operations, refs])
    return {row[:3]: row[3:] for row in found}

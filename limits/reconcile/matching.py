"""Hold a file's rows against the entries of its days, by Tran_Id and direction, in little memory:
both sides go, as they are read, into a database of this process's own memory, which sorts them.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from limits.models import LedgerEntry, Reconciliation, ReconciliationDifference
from limits.posting import POST_KIND, REVERSE_KIND
from limits.reconcile.judging import MATCHED_KIND, REFUSED_KIND, Pair, judge
from limits.reconcile.postings import Postings
from limits.reconcile.reading import Booked, BookedFile, RefusedRow
from ppims.core import calendar
from ppims.db.instants import to_indexed, write_indexed
from ppims.db.streaming import Reader, stream_joined
from ppims.db.transaction import read_snapshot

MOST_KEPT = 10_000  # differences of a run
ROWS_AT_ONCE, PAIRS_AT_ONCE = 5_000, 500
NO_TRAN_ID = "#"  # before the Ref_Id of a posting without one: no Tran_Id begins so
TABLES = """
    PRAGMA temp_store = MEMORY;
    CREATE TABLE theirs (
        tran_id TEXT, direction TEXT, paise INTEGER, row_count INTEGER, row_number INTEGER,
        unique_id INTEGER, ref_id TEXT, PRIMARY KEY (tran_id, direction)) WITHOUT ROWID;
    CREATE TABLE ours (
        tran_id TEXT, direction TEXT, paise INTEGER, entry_id INTEGER, unique_id INTEGER,
        PRIMARY KEY (tran_id, direction)) WITHOUT ROWID
"""
ADD_THEIRS = """
    INSERT INTO theirs VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE
    SET paise = paise + excluded.paise, row_count = row_count + 1
"""
ADD_OURS = """
    INSERT INTO ours VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET paise = paise + excluded.paise
"""
# A posting without a Tran_Id, where a row of theirs names its Ref_Id.
INDEX_REF_IDS = "CREATE INDEX by_ref_id ON theirs (ref_id, direction) WHERE ref_id != ''"
NAME_BY_REF_ID = """
    UPDATE OR IGNORE ours SET tran_id = theirs.tran_id FROM theirs
    WHERE ours.tran_id >= '#' AND ours.tran_id < '$' AND theirs.ref_id != ''
    AND theirs.ref_id = substr(ours.tran_id, 2) AND theirs.direction = ours.direction
"""
SUM_MATCHED = """
    SELECT direction, COUNT(*), SUM(t.paise), SUM(COALESCE(o.paise, 0))
    FROM theirs t LEFT JOIN ours o USING (tran_id, direction) WHERE t.paise = COALESCE(o.paise, 0)
    GROUP BY direction UNION ALL
    SELECT o.direction, COUNT(*), 0, 0 FROM ours o LEFT JOIN theirs t USING (tran_id, direction)
    WHERE t.tran_id IS NULL AND o.paise = 0 GROUP BY o.direction
"""
LIST_OTHERS = """
    SELECT tran_id, direction, t.paise, o.paise, t.ref_id, t.row_number, t.row_count, o.entry_id,
        COALESCE(o.unique_id, t.unique_id)
    FROM theirs t LEFT JOIN ours o USING (tran_id, direction) WHERE t.paise != COALESCE(o.paise, 0)
    UNION ALL
    SELECT o.tran_id, o.direction, NULL, o.paise, '', NULL, 0, o.entry_id, o.unique_id
    FROM ours o LEFT JOIN theirs t USING (tran_id, direction)
    WHERE t.tran_id IS NULL AND o.paise != 0 ORDER BY 1, 2
"""
ENTRIES = Reader(
    LedgerEntry,
    (
        *("id", "kind", "direction", "amount_paise", "tran_id", "ref_id"),
        *("reverses_id", "unique_id_sent"),
    ),
)
Progress = Callable[[int], None]  # how many rows of the file have been read
Row = tuple[Any, ...]


@dataclass
class Sum:
    """How many of a class, and what they come to in their file and in our books."""

    count: int = 0
    their_paise: int = 0
    our_paise: int = 0

    def add(self, count: int, their_paise: int, our_paise: int) -> None:
        self.count += count
        self.their_paise += their_paise
        self.our_paise += our_paise


@dataclass
class Compared:
    """What came of comparing: sums by class and direction; and the first differences of each class,
    as rows that are not saved yet.
    """

    row_count: int = 0
    sums: dict[str, dict[str, Sum]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Sum))
    )
    kept: dict[str, list[ReconciliationDifference]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def keep(self, difference: ReconciliationDifference) -> None:
        """Count a difference, and keep it if it is one of the first of its class."""
        theirs, ours = difference.their_paise or 0, difference.our_paise or 0
        self.sums[difference.kind][difference.direction].add(1, theirs, ours)
        if len(self.kept[difference.kind]) < MOST_KEPT:
            self.kept[difference.kind].append(difference)

    def list_kept(self) -> list[ReconciliationDifference]:
        """List MOST_KEPT differences at most, class by class, each in the order of Tran_Ids."""
        kinds = ReconciliationDifference.Kind.values
        return [each for kind in kinds for each in self.kept[kind]][:MOST_KEPT]

    def count(self, *kinds: str) -> int:
        return sum(each.count for kind in kinds for each in self.sums.get(kind, {}).values())


def compare(
    run: Reconciliation, file: BookedFile, progress: Progress = lambda rows: None
) -> Compared:
    """Hold a file against our entries of the run's processor and days. It writes nothing to the
    database. Raises Malformed where the file as a whole can't be read.
    """
    compared = Compared()
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        memory.executescript(TABLES)
        for rows in _chunk(_read_theirs(file, compared, progress), ROWS_AT_ONCE):
            memory.executemany(ADD_THEIRS, rows)
        with read_snapshot():
            for rows in _chunk(_read_ours(run), ROWS_AT_ONCE):
                memory.executemany(ADD_OURS, rows)
            _name_by_ref_id(memory)
            for direction, *sums in memory.execute(SUM_MATCHED):
                compared.sums[MATCHED_KIND][direction].add(*sums)
            for pairs in _chunk(_list_pairs(memory), PAIRS_AT_ONCE):
                _judge(run, pairs, compared, has_status=file.has_status)
    return compared


def _chunk(rows: Iterator[Any], count: int) -> Iterator[list[Any]]:
    while batch := list(islice(rows, count)):
        yield batch


def _read_theirs(file: BookedFile, compared: Compared, progress: Progress) -> Iterator[Row]:
    for row in file.read_rows():
        compared.row_count += 1
        if compared.row_count % ROWS_AT_ONCE == 0:
            progress(compared.row_count)
        if isinstance(row, RefusedRow):
            compared.keep(_make_refused(row))
        else:
            yield _write_theirs(row)


def _write_theirs(row: Booked) -> Row:
    return row.tran_id, row.direction, row.paise, row.row_number, row.unique_id, row.ref_id


def _make_refused(row: RefusedRow) -> ReconciliationDifference:
    said = row.said[: ReconciliationDifference._meta.get_field("said").max_length]
    return ReconciliationDifference(
        kind=REFUSED_KIND, row_number=row.row_number, row_count=1, said=said
    )


def _read_ours(run: Reconciliation) -> Iterator[Row]:
    """Stream what the processor has reported within the days: postings, and what undid some."""
    at = write_indexed("t.at")
    tail = f"WHERE {at} >= %s AND {at} < %s AND t.processor_id = %s AND t.kind IN (%s, %s)"
    frame = [to_indexed(calendar.find_midnight(day)) for day in (run.since, _find_end(run))]
    asked = (*frame, run.processor_id, POST_KIND, REVERSE_KIND)
    for key, kind, direction, paise, tran_id, ref_id, reverses_id, sent in stream_joined(
        (ENTRIES,), tail, asked
    ):
        name = tran_id or f"{NO_TRAN_ID}{ref_id}"
        if kind == POST_KIND:
            yield name, direction, paise, key, sent
        else:
            yield name, direction, -paise, reverses_id, sent


def _find_end(run: Reconciliation) -> date:
    return run.until + timedelta(days=1)


def _name_by_ref_id(memory: sqlite3.Connection) -> None:
    memory.execute(INDEX_REF_IDS)
    memory.execute(NAME_BY_REF_ID)


def _list_pairs(memory: sqlite3.Connection) -> Iterator[list[Pair]]:
    """List the Tran_Ids that don't agree: of each one, one pair or two."""
    pairs = (Pair(*row) for row in memory.execute(LIST_OTHERS))
    for _, of_one in groupby(pairs, attrgetter("tran_id")):
        yield list(of_one)


def _judge(
    run: Reconciliation, batch: Sequence[Sequence[Pair]], compared: Compared, *, has_status: bool
) -> None:
    found = Postings(run, [pair for pairs in batch for pair in pairs])
    for pairs in batch:
        known = [replace(pair, postings=found.list_of(pair)) for pair in pairs]
        for kind, pair in judge(known, has_status=has_status):
            compared.keep(_make_difference(kind, pair))


def _make_difference(kind: str, pair: Pair) -> ReconciliationDifference:
    is_named = not pair.tran_id.startswith(NO_TRAN_ID)
    first = pair.postings[0] if pair.postings else None
    return ReconciliationDifference(
        kind=kind,
        tran_id=pair.tran_id if is_named else "",
        ref_id=pair.ref_id if is_named else pair.tran_id.removeprefix(NO_TRAN_ID),
        direction=pair.direction,
        their_paise=pair.their_paise,
        our_paise=pair.our_paise,
        row_number=pair.row_number,
        row_count=pair.row_count,
        entry_id=pair.entry_id or (first.entry_id if first else None),
        unique_id=first.unique_id if first else pair.unique_id,
    )

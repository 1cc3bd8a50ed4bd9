"""What the ledgers of all have whom merges connected, as one snapshot has it: rows with those that
they point at, in whosever ledger these are. docs/ledger.md, "Merges".
"""

from collections.abc import Collection, Sequence
from typing import Any

from customers.models import Customer, Merge
from limits.models import Adjustment, Hold, LedgerEntry, LimitCheck
from limits.verify import judge
from limits.verify.audit import Audits
from limits.verify.chains import Finding, make_row_type
from limits.verify.history import History, Taken
from limits.verify.judge import Check, Entry
from limits.verify.ledger import begin_histories, make_job
from limits.verify.past_state import Person
from limits.verify.records import Records
from limits.verify.ref_ids import OF_REF_ID
from ppims.core.chain import KeysByName
from ppims.db import signed_rows
from ppims.db.streaming import Reader, Row, stream_joined
from ppims.models import FourEyes

CUSTOMER_READER = Reader(Customer, ["unique_id", "survivor_id"])
OF_MERGE = ["id", "customer_id", "merged_id", "kind", "state"]
MERGE_READER = Reader(Merge, OF_MERGE)
CHECK_READER = Reader(LimitCheck, [*signed_rows.list_fields(LimitCheck), "id", "key_id", "mac"])
ENTRY_READER = Reader(
    LedgerEntry, [*signed_rows.list_fields(LedgerEntry), "id", "key_id", "digest"]
)
HOLD_READER = Reader(Hold, judge.OF_HOLD)
ADJUSTMENT_READER = Reader(Adjustment, ["id", *judge.OF_ADJUSTMENT])
IN_ORDER = "WHERE customer_id = %s ORDER BY number"
OF_CUSTOMER = "WHERE customer_id = %s"
NO_REF_ID: Row = (None,) * len(OF_REF_ID)
Merged = make_row_type("Merged", OF_MERGE)
FirstOfCheck = make_row_type("FirstOfCheck", [field.attname for field in CHECK_READER.fields])
FirstOfEntry = make_row_type("FirstOfEntry", [field.attname for field in ENTRY_READER.fields])


class RowsOfKin:
    """All rows of some connected customers."""

    def __init__(self, ring: KeysByName, members: Sequence[int], taken: Sequence[Taken]) -> None:
        self.members = members
        self.survivors: dict[int, int | None] = {}
        self.people: dict[int, Person] = {}
        self.checks: dict[int, list[Any]] = {}
        self.entries: dict[int, list[Any]] = {}
        self.merges: dict[str, Any] = {}
        self.holds: dict[int, Row] = {}
        self._adjustments: dict[int, Row] = {}
        for member in members:
            self._read(ring, member, taken)
        self.check_by_id = {row.id: row for rows in self.checks.values() for row in rows}
        self.entry_by_id = {row.id: row for rows in self.entries.values() for row in rows}

    def _read(self, ring: KeysByName, member: int, taken: Sequence[Taken]) -> None:
        self.survivors.update(stream_joined((CUSTOMER_READER,), "WHERE unique_id = %s", (member,)))
        self.people[member], _ = read_person(ring, member, taken)
        self.checks[member] = _read_all(CHECK_READER, IN_ORDER, member, FirstOfCheck)
        self.entries[member] = _read_all(ENTRY_READER, IN_ORDER, member, FirstOfEntry)
        for merge in _read_all(MERGE_READER, OF_CUSTOMER, member, Merged):
            if merge.state == FourEyes.State.APPROVED.value:
                self.merges[f"{merge.kind}-{merge.id}"] = merge
        self.holds |= {row[0]: row for row in stream_joined((HOLD_READER,), OF_CUSTOMER, (member,))}
        adjustments = stream_joined((ADJUSTMENT_READER,), OF_CUSTOMER, (member,))
        self._adjustments |= {key: row for key, *row in adjustments}

    def join_check(self, row: Any) -> Any:
        """Give a check with its hold, as the walk through one customer has it."""
        hold = self.holds.get(row.id) or (None,) * len(judge.OF_HOLD)
        return Check._make((*row, *hold, *NO_REF_ID))

    def join_entry(self, row: Any, roots: Any) -> Any:
        """Give an entry with what it points at, as the walk through one customer has it: but each
        is whose the Unique_Id that it named means at that moment.
        """
        check = self.check_by_id.get(row.limit_check_id)
        posting = self.entry_by_id.get(row.reverses_id)
        return Entry._make(
            (
                *row,
                *_pick(check, judge.OF_CHECK, roots),
                *_pick(posting, judge.OF_POSTING, roots),
                *self._pick_adjustment(row.adjustment_id, roots),
                *NO_REF_ID,
            )
        )

    def _pick_adjustment(self, key: int | None, roots: Any) -> Row:
        row = self._adjustments.get(key) if key is not None else None
        if row is None:
            return (None,) * len(judge.OF_ADJUSTMENT)
        return (roots.find(row[0]), *row[1:])

    def find_owner(self, entry: Any) -> int:
        """Find whose an entry is: what gives back of a posting is whose that is."""
        posting = self.entry_by_id.get(entry.reverses_id)
        return int((posting or entry).unique_id_sent)


def _pick(row: Any, names: Collection[str], roots: Any) -> Row:
    """Pick columns of a row, of which the first is the customer's id."""
    if row is None:
        return (None,) * len(names)
    _, *others = names
    return (roots.find(row.unique_id_sent), *(getattr(row, name) for name in others))


def _read_all(reader: Reader, tail: str, member: int, kind: Any) -> list[Any]:
    return [kind._make(row) for row in stream_joined((reader,), tail, (member,))]


def read_person(
    ring: KeysByName, member: int, taken: Sequence[Taken]
) -> tuple[Person, list[Finding]]:
    """Read who a customer was when, and what is wrong with the rows that say so."""
    begun = begin_histories(make_job(member - 1, member, taken))
    history = begun.get(member) or History()
    findings = [*Audits(ring, [], member - 1, member).verify(member, history)]
    records = Records(ring, member - 1, member)
    findings += records.verify(member, history)
    return records.person, findings

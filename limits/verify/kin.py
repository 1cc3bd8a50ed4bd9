"""Judge, after the walk through each customer, what rests on the ledgers of several: of customers
whom merges connected. docs/ledger.md, "Merges" and "Verification".

Their entries are followed side by side: a merge is in two ledgers at one instant, so each waits
there for the other.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from customers import survivors
from limits.posting import MOVE_KIND, find_effect_paise
from limits.roots import Roots
from limits.verify.chains import Finding, find_surely, map_ledger_keys
from limits.verify.history import AboutNone
from limits.verify.judge import Customer, SignedBefore
from limits.verify.kin_rows import RowsOfKin
from limits.verify.ledger import judge_whatever_it_holds, name_row
from limits.verify.ownerless import read_rules_then
from limits.verify.past_state import Person, PersonOfKin, RulesThen
from ppims.core import clock, keys
from ppims.core.chain import KeysByName, describe_difference
from ppims.db.transaction import read_snapshot

Place = tuple[int, str]  # month and direction
Run = list[Any]  # what one merge has moved, in one ledger
NOT_OF_THIS_CUSTOMER = "the Unique_Id that it named did not mean this customer then"
NO_COUNTERPART = "what it moves is not in the other's ledger"
MERGE_KIND, UNMERGE_KIND = "MERGE", "UNMERGE"


def walk(about_none: AboutNone) -> Iterator[Finding]:
    """Walk through all whom merges connected, those of one person to a snapshot."""
    with read_snapshot():
        connected = [*survivors.list_connected()]
    for members in connected:

        def find(members: list[int] = members) -> list[Finding]:
            with read_snapshot():
                ring = map_ledger_keys()
                rows = RowsOfKin(ring, members, about_none.taken)
                return [*Judge(ring, rows, read_rules_then()).verify()]

        yield from find_surely(find)


class LedgerOfKin(Customer):
    """What one of several connected ledgers has come to so far; what was answered, released and
    reversed is that of all of them.
    """

    def __init__(
        self, ring: KeysByName, rules: RulesThen, person: Person, first: "LedgerOfKin | None"
    ) -> None:
        super().__init__(ring, rules, person, SignedBefore())
        if first:
            self._answered, self._released = first._answered, first._released
            self._reversed = first._reversed
        self.holders: dict[int, int] = {}  # by check: whose its hold is, in the end

    def judge_check_of_kin(self, row: Any) -> str | None:
        """Say what is wrong with a check, but for what the walk has judged."""
        expected = None if row.unique_id_sent == row.customer_id else row.unique_id_sent
        if row.old_unique_id != expected:
            return describe_difference("its Old_Unique_Id", row.old_unique_id, expected)
        return self._find_state_problem(row)

    def judge_entry_of_kin(self, row: Any) -> str | None:
        """Take the next entry; say what is wrong with it, but for what the walk has judged."""
        self.totals[row.month, row.direction] += find_effect_paise(row.kind, row.amount_paise)
        if row.reverses_id is not None:
            self._reversed[row.reverses_id] += abs(row.amount_paise)
        links = None if row.kind == MOVE_KIND else self._find_link_problem(row)
        return links or self._find_flag_problem(row)

    def _find_holder(self, row: Any) -> int:
        return self.holders[row.id]


class Judge:
    """Judges the rows of some connected customers."""

    def __init__(self, ring: KeysByName, rows: RowsOfKin, rules: RulesThen) -> None:
        self._rows, self._roots = rows, Roots()
        self._now = int(keys.make_plain(clock.now()) or 0)
        self._ledgers: dict[int, LedgerOfKin] = {}
        first: LedgerOfKin | None = None
        for member in rows.members:
            others = [rows.people[each] for each in rows.members if each != member]
            person = PersonOfKin(rows.people[member], others)
            self._ledgers[member] = LedgerOfKin(ring, rules, person, first)
            first = first or self._ledgers[member]
        self._owned: dict[int, Counter[Place]] = {each: Counter() for each in rows.members}
        self._left = {member: [*reversed(entries)] for member, entries in rows.entries.items()}
        self._seen: set[str] = set()

    def verify(self) -> Iterator[Finding]:
        while any(self._left.values()):
            for member in self._rows.members:
                yield from self._judge_until_moved(member)
            yield from self._judge_next_move()
        yield from self._verify_survivors()
        yield from self._verify_checks()

    def _judge_until_moved(self, member: int) -> Iterator[Finding]:
        left = self._left[member]
        while left and left[-1].kind != MOVE_KIND:
            entry = left.pop()
            if self._roots.find(entry.unique_id_sent) != member:
                yield Finding(name_row("ledger entry", entry), NOT_OF_THIS_CUSTOMER)
            owner, place = self._rows.find_owner(entry), (entry.month, entry.direction)
            effect = find_effect_paise(entry.kind, entry.amount_paise)
            self._owned.setdefault(owner, Counter())[place] += effect
            yield from self._judge_entry(entry)

    def _judge_entry(self, entry: Any) -> Iterator[Finding]:
        judge = self._ledgers[entry.customer_id].judge_entry_of_kin
        joined = self._rows.join_entry(entry, self._roots)
        problem = judge_whatever_it_holds(judge, joined)
        if problem:
            yield Finding(name_row("ledger entry", entry), problem)

    # Merges.

    def _judge_next_move(self) -> Iterator[Finding]:
        """Judge a merge that both ledgers have come to; where there is none, one of which the other
        ledger knows nothing.
        """
        waiting = {member: left[-1] for member, left in self._left.items() if left}
        for member, entry in waiting.items():
            other = waiting.get(entry.unique_id_sent)
            if other and (other.unique_id_sent, other.ref_id) == (member, entry.ref_id):
                run, others = self._take_run(member), self._take_run(other.customer_id)
                yield from self._judge_move(run, others)
                return
        for member, entry in waiting.items():
            yield Finding(name_row("ledger entry", entry), NO_COUNTERPART)
            self._take_run(member)
            return

    def _take_run(self, member: int) -> Run:
        left = self._left[member]
        run = [left.pop()]
        named = (MOVE_KIND, run[0].ref_id, run[0].unique_id_sent)
        while left and (left[-1].kind, left[-1].ref_id, left[-1].unique_id_sent) == named:
            run.append(left.pop())
        return run

    def _judge_move(self, one: Run, other: Run) -> Iterator[Finding]:
        first = one[0]
        merge = self._rows.merges.get(first.ref_id)
        problem = self._find_move_problem(merge, one, other)
        if problem:
            yield Finding(name_row("ledger entry", first), problem)
        for entry in (*one, *other):
            yield from self._judge_entry(entry)
        if merge is None or self._find_place_problem(merge):
            return
        self._seen.add(first.ref_id)
        above = merge.customer_id if merge.kind == MERGE_KIND else merge.merged_id
        self._roots.change(merge.merged_id, above, first.at)

    def _find_move_problem(self, merge: Any, one: Run, other: Run) -> str | None:
        if merge is None or one[0].ref_id in self._seen:
            return "it names no merge that two people have made"
        giver, taker = merge.merged_id, merge.customer_id
        if merge.kind == UNMERGE_KIND:
            giver, taker = taker, giver
        given, taken = (one, other) if one[0].customer_id == giver else (other, one)
        if (given[0].customer_id, taken[0].customer_id) != (giver, taker):
            return "it is between others than its merge is"
        if self._find_place_problem(merge):
            return self._find_place_problem(merge)
        found = [(e.at, e.month, e.direction, e.amount_paise) for e in given]
        counterpart = [(e.at, e.month, e.direction, -e.amount_paise) for e in taken]
        if found != counterpart:
            return describe_difference("what it moves", found, counterpart)
        moved = {(e.month, e.direction): -e.amount_paise for e in given}
        expected = {place: paise for place, paise in self._expect_moved(merge).items() if paise}
        if len(moved) != len(given) or {p: v for p, v in moved.items() if v} != expected:
            return describe_difference("what it moves", moved, expected)
        return None

    def _find_place_problem(self, merge: Any) -> str | None:
        """Say where those whom it is about did not mean what they have to."""
        meant = self._roots.find(merge.merged_id), self._roots.find(merge.customer_id)
        above = merge.merged_id if merge.kind == MERGE_KIND else merge.customer_id
        expected = (above, merge.customer_id)
        if meant == expected:
            return None
        return describe_difference("whom its ids meant", meant, expected)

    def _expect_moved(self, merge: Any) -> Counter[Place]:
        if merge.kind == MERGE_KIND:
            return Counter(self._ledgers[merge.merged_id].totals)
        moved: Counter[Place] = Counter()
        for member in self._roots.list_branch(merge.merged_id, [*self._rows.members]):
            moved.update(self._owned[member])
        return moved

    # In the end.

    def _verify_survivors(self) -> Iterator[Finding]:
        for name, merge in self._rows.merges.items():
            if name not in self._seen:
                yield Finding(f"merge {merge.id} of customer {merge.customer_id}", NO_COUNTERPART)
        merged = {each for merge in self._rows.merges.values() for each in merge[1:3]}
        for member, survivor_id in self._rows.survivors.items():
            expected = self._roots.above.get(member, member) if member in merged else None
            if survivor_id != expected:
                problem = describe_difference("its survivor", survivor_id, expected)
                yield Finding(f"customer {member}", problem)

    def _verify_checks(self) -> Iterator[Finding]:
        last_at = max((row.at for row in self._list_all_rows()), default=0)
        for member, ledger in self._ledgers.items():
            ledger.last_at = last_at
            for row in map(self._rows.join_check, self._rows.checks[member]):
                ledger.holders[row.id] = self._roots.find(row.unique_id_sent)
                problem = judge_whatever_it_holds(self._find_check_problem, row)
                if problem:
                    yield Finding(name_row("check", row), problem)
        for check_id in self._rows.holds.keys() - self._rows.check_by_id.keys():
            yield Finding(f"hold of check {check_id}", "its check is not there")

    def _find_check_problem(self, row: Any) -> str | None:
        ledger = self._ledgers[row.customer_id]
        if row.customer_id not in self._roots.list_seen(row.unique_id_sent, row.at):
            return NOT_OF_THIS_CUSTOMER
        problem = ledger.judge_check_of_kin(row)
        may_hold = row.hold_limit_check_id is not None or row.is_allowed
        return problem or (ledger.find_hold_problem(row, self._now) if may_hold else None)

    def _list_all_rows(self) -> Iterator[Any]:
        yield from self._rows.check_by_id.values()
        yield from self._rows.entry_by_id.values()

"""What stood when a check was answered, or an entry booked: all that the database has of it by now,
and what may have been read of it then.

Rows of one instant don't say which of them came first, and within a minute of a change either may
have been read (docs/ledger.md, "What verification replays"). Each such possibility is a Guess; the
likeliest comes first.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from customers import survivors
from customers.models import CustomerImport
from limits import decision
from limits.explain import moves, rows
from limits.explain.cuts import Cut, make_cut
from limits.explain.moves import Move
from limits.explain.rows import Answer, Before
from limits.known import CHECK_OPERATION, Check, Entry, FirstAnswer
from limits.models import Adjustment, Window
from limits.posting import ADJUST_KIND, MOVE_KIND, OPENING_KIND
from limits.roots import Roots
from limits.services.openings import find_approved_import
from limits.verify.chains import map_ledger_keys
from limits.verify.history import TAKEN_OVER, AboutNone
from limits.verify.kin_rows import read_person
from limits.verify.ownerless import read_rules_then
from limits.verify.past_state import Person, PersonOfKin, RulesThen, Tier
from ppims.core import calendar
from ppims.core.chain import KeysByName
from ppims.db import statements
from ppims.models import AuditEntry
from ppims.services import audit

ROWS_TAKEN_ACTION = "rows taken as they were"
RuleIds = tuple[int, ...]


class Guess(NamedTuple):
    """One possibility of what stood."""

    cut: Cut
    tier: Tier
    rule_ids: RuleIds
    is_blocked: bool
    is_account_active: bool


@dataclass(frozen=True)
class Scene:
    """What the database has of a row's instant, of one snapshot. `others` are the rows of that very
    instant.
    """

    row: Check | Entry
    ring: KeysByName
    kin: Sequence[int]
    rules: RulesThen
    person: Person
    before: AboutNone
    problems: list[str] = field(default_factory=list)

    @property
    def at(self) -> int:
        return calendar.to_microseconds(self.row.at)

    @property
    def is_check(self) -> bool:
        return isinstance(self.row, Check)

    # What came before.

    @cached_property
    def same_entries(self) -> list[Entry]:
        return rows.list_entries_of_instant(self.kin, self.row.at)

    @cached_property
    def same_checks(self) -> list[Check]:
        return rows.list_checks_of_instant(self.kin, self.row.at)

    def list_cuts(self) -> list[Cut]:
        """List where the row may stand among those of its instant. Of its own kind its number says
        that.
        """
        row, own = self.row, self.row.customer_id
        others: Sequence[Check | Entry] = self.same_entries if self.is_check else self.same_checks
        numbers = sorted(each.number for each in others if each.customer_id == own)
        bounds = [0, *(number + 1 for number in numbers)]
        if not self.is_check:  # what was answered came first
            bounds.reverse()
        of_kin: list[Check | Entry] = []
        if self.has_kin:
            of_kin = [*self.same_entries, *self.same_checks]
        may_be_others = any(each.customer_id != own for each in of_kin)
        return [
            make_cut(row, bound, self.moves, with_others=with_others)
            for with_others in ([True, False] if may_be_others else [False])
            for bound in bounds
        ]

    @cached_property
    def moves(self) -> list[Move]:
        return moves.list_moves(self.kin, rows.list_move_rows(self.kin)) if self.has_kin else []

    @property
    def has_kin(self) -> bool:
        return len(self.kin) > 1

    @cached_property
    def own_move(self) -> Move | None:
        """The merge whose entry the row is."""
        if not isinstance(self.row, Entry) or self.row.kind != MOVE_KIND:
            return None
        return next((move for move in self.moves if move.name == self.row.ref_id), None)

    def follow_moves(self, cut: Cut, *, with_own: bool = True) -> Roots:
        """Follow the merges that came before; a merge's own entries stand after it."""

        def is_before(move: Move) -> bool:
            if self.own_move and move.name == self.own_move.name:
                return with_own
            if move.at != cut.at:
                return move.at < cut.at
            number = move.numbers.get(cut.customer_id)
            return cut.with_others if number is None else number < cut.entry_number

        return moves.follow(self.moves, is_before)

    @cached_property
    def may_hold(self) -> list[Check]:
        return rows.list_checks_that_may_hold(self.kin, self.row.at)

    @cached_property
    def answers(self) -> list[Answer]:
        return rows.list_answers(self.kin, self.may_hold)

    def list_held(self, cut: Cut) -> list[Check]:
        """List the checks whose holds were open with the customer, newest first."""
        roots = self.follow_moves(cut)
        answered = {each.check_id for each in self.answers if cut.has(each)}
        held = [
            check
            for check in self.may_hold
            if cut.has(check)
            and check.id not in answered
            and roots.find(check.unique_id_sent) == self.row.customer_id
        ]
        return sorted(held, key=lambda check: (check.at, check.id), reverse=True)

    # What is used.

    @cached_property
    def months(self) -> list[int]:
        """The months whose sums may be asked for: those of the row and of what it names; and their
        financial years, where a rule may have been for one.
        """
        named = {calendar.number_ist_month(self.row.at), self.row.month}
        named |= {each.month for each in (self.named_check, *self.posted) if each}
        if self.adjustment:
            named.add(self.adjustment.month)
        year = Window.FINANCIAL_YEAR.value
        if any(self._may_have_limit(tier.code, year) for tier in self.list_tiers()):
            named |= {m for each in [*named] for m in calendar.list_months_of_financial_year(each)}
        return sorted(named)

    @cached_property
    def sums(self) -> dict[tuple[int, str], tuple[int, int]]:
        return rows.sum_before(self.row.customer_id, self.months, self._write_before())

    def list_between(self, cut: Cut) -> list[Entry]:
        """List the entries of the ledger that came before, but aren't among the sums."""
        if not self.is_check:
            return []
        own = [each for each in self.same_entries if each.customer_id == cut.customer_id]
        return [each for each in own if cut.has(each)]

    def list_newest(self, months: Sequence[int], most: int, cut: Cut) -> list[Entry]:
        """List the newest entries that figures of these months rest on."""
        direction, between = self.row.direction, self.list_between(cut)
        found = rows.list_newest_before(
            self.row.customer_id, months, direction, self._write_before(), most
        )
        between = [e for e in between if e.month in months and e.direction == direction]
        moving = [each for each in between if each.kind != "F"]
        return [*reversed(moving), *found][:most]

    def _write_before(self) -> Before:
        if self.is_check:
            return Before("t.at < %s", statements.store_value(self.row.at))
        return Before("t.number < %s", self.row.number)

    # What it names.

    @cached_property
    def named_key(self) -> FirstAnswer | None:
        """What the Enquiry_Ref_Id of an update led to."""
        row = self.row
        if isinstance(row, Check) or not row.enquiry_ref_id or row.processor_id is None:
            return None
        return rows.read_key(row.processor_id, CHECK_OPERATION, row.enquiry_ref_id)

    @cached_property
    def named_check(self) -> Check | None:
        key = self.named_key
        return rows.read_check([key.customer_id], key.row_id) if key else None

    @cached_property
    def named_answers(self) -> list[Answer]:
        check = self.named_check
        return rows.list_answers_of_one(self.kin, check) if check else []

    @cached_property
    def posted(self) -> list[Entry]:
        """What is posted by the Tran_Id of an update, the row itself too; or by the number that a
        correction names.
        """
        row = self.row
        if isinstance(row, Check):
            return []
        if row.kind == ADJUST_KIND:
            key = self.adjustment.posting_id if self.adjustment else None
            posting = rows.read_entry(self.kin, key) if key is not None else None
            return [posting] if posting else []
        if not row.tran_id or row.processor_id is None:
            return []
        return rows.list_posted(self.kin, row.processor_id, row.tran_id)

    @cached_property
    def giving_back(self) -> list[Entry]:
        return rows.list_giving_back(self.kin, self.posted)

    @cached_property
    def adjustment(self) -> Adjustment | None:
        row = self.row
        if isinstance(row, Check) or row.adjustment_id is None:
            return None
        return Adjustment.objects.filter(customer_id__in=self.kin, pk=row.adjustment_id).first()

    @cached_property
    def customer_import(self) -> CustomerImport | None:
        """The approved import that brought what the row opens with."""
        row = self.row
        if isinstance(row, Check) or row.kind != OPENING_KIND:
            return None
        return find_approved_import(row.ref_id)

    # What may have been read.

    def list_tiers(self) -> list[Tier]:
        found = self.person.list_tiers_likeliest_first(self.at)
        return found or [Tier(self.row.tier, self.at)]

    def list_rule_ids(self, tier: str) -> list[RuleIds]:
        windows = [
            self.rules.list_likeliest_first(tier, self.row.direction, window, self.at)
            for window in Window.values
        ]
        return [tuple(each for each in some if each is not None) for some in product(*windows)]

    def _may_have_limit(self, tier: str, window: str) -> bool:
        direction = self.row.direction
        found = self.rules.list_likeliest_first(tier, direction, window, self.at)
        return any(each is not None for each in found)

    @property
    def account(self) -> tuple[int, str] | None:
        """The account that was named: by the check, or by the one that an entry answers."""
        row = self.row if isinstance(self.row, Check) else self.named_check
        return (row.processor_id, row.account_number) if row and row.account_number else None

    def list_guesses(self) -> Iterator[Guess]:
        """List all that may have stood. Of what is unsure, what fits the row is first."""
        row = self.row
        says_blocked = row.reason == "CUSTOMER_BLOCKED" if isinstance(row, Check) else False
        says_inactive = row.reason == "ACCOUNT_NOT_ACTIVE" if isinstance(row, Check) else False
        blocked = sorted(
            self.person.may_be_blocked(self.at), key=lambda each: each is not says_blocked
        )
        active = [True]
        if self.account:
            usable = self.person.may_be_usable(self.account, self.at)
            active = sorted(usable, key=lambda each: each is says_inactive)
        for cut, tier in product(self.list_cuts(), self.list_tiers()):
            for rule_ids, is_blocked, is_active in product(
                self.list_rule_ids(tier.code), blocked, active
            ):
                yield Guess(cut, tier, rule_ids, is_blocked, is_active)


def read_scene(row: Check | Entry) -> Scene:
    """Read who the customer was, and which rules there were. All else is read where it is asked
    for, in the same snapshot.
    """
    ring, kin = map_ledger_keys(), survivors.list_kin(row.customer_id)
    before = _read_taken()
    people: dict[int, Person] = {}
    problems: list[str] = []
    for member in kin:
        people[member], findings = read_person(ring, member, before.taken)
        problems += [str(finding) for finding in findings]
    own = people.pop(row.customer_id)
    person = PersonOfKin(own, [*people.values()]) if people else own
    return Scene(row, ring, kin, read_rules_then(), person, before, problems)


def _read_taken() -> AboutNone:
    """Read which rows were taken as they were, from before the audit proved any."""
    about_none = AboutNone()
    taken = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=ROWS_TAKEN_ACTION)
    for row_id, at, detail in taken.order_by("number").values_list("pk", "at", "detail"):
        said: dict[str, Any] = json.loads(detail)
        if TAKEN_OVER in said:
            about_none.take_over(row_id, calendar.to_microseconds(at), said)
    return about_none


def list_rules(scene: Scene, guess: Guess) -> list[decision.Rule]:
    """List the rules of a guess."""
    found = []
    for rule_id in guess.rule_ids:
        rule = scene.rules.get(rule_id)
        if rule and rule.amount is not None:
            found.append(decision.Rule(rule_id, rule.window, rule.amount))
    return found

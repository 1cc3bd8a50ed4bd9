"""Judge one customer's checks and entries in their order: no database, no clock. docs/ledger.md,
"Limit rules", "What an update does" and "What verification replays".
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from limits.decision import (
    CREDIT_STOP,
    FINANCIAL_YEAR,
    GAUGE_WINDOWS,
    KYC_EXPIRED,
    REASONS,
    WITHIN_LIMITS,
)
from limits.models import Direction, LedgerEntry, LimitCheck
from limits.posting import (
    ADJUST_KIND,
    BLOCKED_FLAG,
    MOVE_KIND,
    POST_KIND,
    RELEASE_KIND,
    REVERSE_KIND,
    KnownCheck,
    Place,
    find_effect_paise,
    list_flags,
    place_update,
)
from limits.verify.chains import make_row_type
from limits.verify.past_state import Person, RulesThen
from limits.verify.ref_ids import OF_REF_ID
from ppims.core import calendar
from ppims.core.chain import KeysByName, Walk, describe_difference
from ppims.db import signed_rows

OF_HOLD = ["limit_check_id", "customer_id", "processor_id", "month", "direction", "amount_paise"]
OF_CHECK = ["customer_id", "processor_id", "at", "month", "direction", "amount_paise"]
OF_POSTING = ["customer_id", "processor_id", "kind", "month", "direction", "amount_paise"]
OF_ADJUSTMENT = ["customer_id", "month", "direction", "amount_paise", "state", "posting_id"]
OF_HOLD += ["expires_at"]
OF_CHECK += ["is_allowed", "hold_until", "account_number"]


def _make_row_type(name: str, model: type[Model], *unsigned: str, **joined: list[str]) -> Any:
    """Shape a row: its signed fields first, in the order in which they are signed; then the others,
    and those of the rows that it points at.
    """
    pointed_at = [f"{prefix}_{field}" for prefix, fields in joined.items() for field in fields]
    return make_row_type(name, [*signed_rows.list_fields(model), *unsigned, *pointed_at])


Check = _make_row_type("Check", LimitCheck, "id", "key_id", "mac", hold=OF_HOLD, ref=OF_REF_ID)
Entry = _make_row_type(
    "Entry",
    LedgerEntry,
    *("id", "key_id", "digest"),
    check=OF_CHECK,
    posting=OF_POSTING,
    adjusted=OF_ADJUSTMENT,
    ref=OF_REF_ID,
)
SIGNED_OF_CHECK = len(signed_rows.list_fields(LimitCheck))
SIGNED_OF_ENTRY = len(signed_rows.list_fields(LedgerEntry))
# Of a check, which windows the limit is of that decided; a state needs none.
WINDOWS: dict[str, tuple[str, ...]] = {reason: (window,) for window, reason in REASONS.items()}
WINDOWS |= {WITHIN_LIMITS: GAUGE_WINDOWS, KYC_EXPIRED: (CREDIT_STOP,)}
STATE_REASONS = {"CUSTOMER_BLOCKED", "ACCOUNT_NOT_ACTIVE", "CARD_NOT_ACTIVE"}


@dataclass(frozen=True)
class SignedBefore:
    """The newest check and entry that are signed as before version 3: without their Ref_Id."""

    check_id: int = 0
    entry_id: int = 0


class Customer:
    """What one customer's rows have come to so far."""

    def __init__(
        self, ring: KeysByName, rules: RulesThen, person: Person, before: SignedBefore
    ) -> None:
        self._rules, self._person, self._before = rules, person, before
        self.checks = Walk(ring, "check", is_linked=False)
        self.entries = Walk(ring, "entry", mac_name="digest")
        self.last_at = 0
        self.totals: dict[tuple[int, str], int] = defaultdict(int)
        self.may_hold: list[Any] = []
        self._answered: set[int] = set()
        self._released: set[int] = set()
        self._reversed: dict[int, int] = defaultdict(int)

    # Checks.

    def judge_check(self, row: Any, now: int) -> str | None:
        """Take the next check; say what is wrong with it."""
        ref = _find_ref_problem(row)
        said = None if row.id <= self._before.check_id else row.ref_digests or b""
        signed = row[:SIGNED_OF_CHECK]
        problem = self.checks.follow(signed, row.number, row.key_id, row.mac, said=said, cause=ref)
        self.last_at = max(self.last_at, row.at)
        if row.hold_limit_check_id is not None or (row.is_allowed and row.hold_until > now):
            self.may_hold.append(row)
        return (
            problem
            or ref
            or self._find_rule_problem(row, row.rule_id, row.limit, WINDOWS.get(row.reason, ()))
            or self._find_state_problem(row)
        )

    def _find_state_problem(self, row: Any) -> str | None:
        """Say where the answer goes against what the customer and the account were then."""
        account = (row.processor_id, row.account_number)
        if row.reason in STATE_REASONS or not self._person.is_surely_at_work(account, row.at):
            if (row.reason == "CUSTOMER_BLOCKED") not in self._person.may_be_blocked(row.at):
                return describe_difference(
                    "its reason", row.reason, "one that the customer's state gives"
                )
            usable = self._person.may_be_usable(account, row.at) if account[1] else {True}
            is_of_account = row.reason == "ACCOUNT_NOT_ACTIVE"
            if row.reason != "CUSTOMER_BLOCKED" and (not is_of_account) not in usable:
                return describe_difference(
                    "its reason", row.reason, "one that its account's status gives"
                )
        if row.reason in STATE_REASONS or row.direction != Direction.CREDIT.value:
            return None
        stopped = self._rules.may_have_stopped(row, self._person.list_tiers(row.at))
        if (row.reason == KYC_EXPIRED) not in stopped:
            return describe_difference(
                "its reason", row.reason, "one that the months at its tier give"
            )
        return None

    def find_hold_problem(self, row: Any, now: int) -> str | None:
        """After all entries: say what is wrong with the hold of a check, or with its lack."""
        is_over = not row.is_allowed or row.id in self._answered
        if row.hold_limit_check_id is None:
            missing = not is_over and row.hold_until > max(now, self.last_at)
            return "its hold is missing, expected open" if missing else None
        if is_over:
            return "its hold is there, expected none: it was declined, settled or released"
        found = row[-len(OF_HOLD) - len(OF_REF_ID) : -len(OF_REF_ID)][1:]
        owner = (self._find_holder(row), row.processor_id)
        expected = (*owner, row.month, row.direction, row.amount_paise, row.hold_until)
        return None if found == expected else describe_difference("its hold", found, expected)

    def _find_holder(self, row: Any) -> int:
        """Find whose the hold of a check is."""
        return int(row.customer_id)

    # Entries.

    def judge_entry(self, row: Any) -> str | None:
        """Take the next entry; say what is wrong with it."""
        ref = _find_ref_problem(row)
        said = None if row.id <= self._before.entry_id else row.ref_digests or b""
        signed, digest = row[:SIGNED_OF_ENTRY], row.digest
        problem = self.entries.follow(signed, row.number, row.key_id, digest, said=said, cause=ref)
        self.last_at = max(self.last_at, row.at)
        sums = self._take(row)
        return (
            problem
            or (row.processor_id is not None and ref)
            or sums
            or self._find_link_problem(row)
            or self._find_flag_problem(row)
        )

    def _take(self, row: Any) -> str | None:
        """Add an entry up; say where its figures are not the sum of the entries until then."""
        key = (row.month, row.direction)
        self.totals[key] += find_effect_paise(row.kind, row.amount_paise)
        if row.reverses_id is not None:
            # A reversal, or a correction that names it: both take away.
            self._reversed[row.reverses_id] -= find_effect_paise(row.kind, row.amount_paise)
        if self.totals[key] < 0:
            return f"what is used in {row.month} is below zero with it"
        used = self._sum_used(row)
        if row.used_after_paise != used:
            return describe_difference("its used_after_paise", row.used_after_paise, used)
        return self._find_rule_problem(row, row.rule_id, row.limit_paise, GAUGE_WINDOWS)

    def _sum_used(self, row: Any) -> int:
        rule = self._rules.get(row.rule_id)
        if rule is None or rule.window != FINANCIAL_YEAR:
            return self.totals[row.month, row.direction]
        months = calendar.list_months_of_financial_year(row.month)
        return sum(self.totals.get((month, row.direction), 0) for month in months)

    def _find_rule_problem(
        self, row: Any, rule_id: int | None, limit: Any, windows: Sequence[str]
    ) -> str | None:
        """Say what is wrong with the tier, and with the limit that decided, at a row's instant."""
        person = self._person
        is_settled = row.at > person.settled_at and row.tier == person.tier
        if is_settled and rule_id and self._rules.is_surely(row, rule_id, limit, windows):
            return None
        tiers = [tier.code for tier in person.list_tiers(row.at)]
        if tiers and row.tier not in tiers:
            return describe_difference("its tier", row.tier, " or ".join(tiers))
        if rule_id is None:
            if limit is not None:
                return describe_difference("its limit", limit, None)
            is_bound = any(None not in self._rules.list_seen(row, window) for window in windows)
            return "it has no limit, though a rule was in force then" if is_bound else None
        rule = self._rules.get(rule_id)
        if rule is None:
            return f"its limit rule {rule_id} is not there"
        if rule.amount != limit:
            return describe_difference(
                f"the amount of its limit rule {rule_id}", rule.amount, limit
            )
        if rule.window not in windows or rule_id not in self._rules.list_seen(row, rule.window):
            return f"its limit rule {rule_id} was not in force for it then"
        return None

    def _find_link_problem(self, row: Any) -> str | None:
        """Say what is wrong with the check, posting or adjustment that it points at."""
        if row.limit_check_id is not None:
            self._answered.add(row.limit_check_id)
            found = (row.check_customer_id, row.check_processor_id, row.check_direction)
            expected = (row.customer_id, row.processor_id, row.direction)
            if found != expected:
                return describe_difference(
                    "its check's customer, processor and direction", found, expected
                )
        if row.kind == MOVE_KIND:
            return "it moves what was used, though its customer was never merged"
        adjusted = self._find_adjustment_problem(row) if row.kind == ADJUST_KIND else None
        is_undoing = row.kind == REVERSE_KIND or row.reverses_id is not None
        return adjusted or (self._find_reversal_problem(row) if is_undoing else None)

    def _find_adjustment_problem(self, row: Any) -> str | None:
        found = row[-len(OF_ADJUSTMENT) - len(OF_REF_ID) : -len(OF_REF_ID)]
        place = (row.customer_id, row.month, row.direction, row.amount_paise)
        expected = (*place, "APPROVED", row.reverses_id)
        return None if found == expected else describe_difference("its adjustment", found, expected)

    def _find_reversal_problem(self, row: Any) -> str | None:
        found = row[-len(OF_POSTING) - len(OF_ADJUSTMENT) - len(OF_REF_ID) :][: len(OF_POSTING) - 1]
        # Staff correct any processor's posting.
        processor = found[1] if row.kind == ADJUST_KIND else row.processor_id
        expected = (row.customer_id, processor, POST_KIND, row.month, row.direction)
        if found != expected:
            return describe_difference("the posting that it reverses", found, expected)
        if self._reversed[row.reverses_id] > row.posting_amount_paise:
            undone = self._reversed[row.reverses_id]
            return describe_difference(
                "what is reversed of its posting", undone, row.posting_amount_paise
            )
        return None

    def _find_flag_problem(self, row: Any) -> str | None:
        """Say what is wrong with the month and the flags, by the rules that the services book by.
        What it points at, and the figures after it, have been found right by now.
        """
        place = self._expect_place(row)
        if row.kind == RELEASE_KIND and row.limit_check_id is not None:
            self._released.add(row.limit_check_id)
        if row.month != place.month:
            return describe_difference("its month", row.month, place.month)
        found = row.flags.split(",") if row.flags else []
        flags = list_flags(
            row.kind,
            row.amount_paise,
            place.flags,
            limit_paise=row.limit_paise,
            used_and_held_paise=row.used_after_paise + row.held_after_paise,
            is_blocked=row.kind == POST_KIND and self._expect_blocked(row, found),
        )
        return None if found == flags else describe_difference("its flags", found, flags)

    def _expect_place(self, row: Any) -> Place:
        """Find where an entry belongs, by its check, and by the release of it that came before."""
        check = None
        if row.limit_check_id is not None:
            was_open = row.check_is_allowed and row.at < row.check_hold_until
            check = KnownCheck(
                is_allowed=row.check_is_allowed,
                month=row.check_month,
                amount_paise=row.check_amount_paise,
                age_micros=row.at - row.check_at,
                is_held=was_open and row.limit_check_id not in self._released,
                is_settled=False,  # an entry points at the check that it answers alone
            )
        return place_update(
            row.kind, row.amount_paise, row.arrival_month, check=check, named_month=row.month
        )

    def _expect_blocked(self, row: Any, found: list[str]) -> bool:
        """Judge whether a posting is to be flagged as BLOCKED. Where the services may have seen
        either, as it is: near a change of the customer, or of the account that its check named.
        """
        account = (row.processor_id, row.check_account_number or "")
        if not found and self._person.is_surely_at_work(account, row.at):
            return False
        blocked = self._person.may_be_blocked(row.at)
        usable = self._person.may_be_usable(account, row.at) if account[1] else {True}
        may_be = {is_blocked or not is_usable for is_blocked in blocked for is_usable in usable}
        is_flagged = BLOCKED_FLAG in found
        return is_flagged if is_flagged in may_be else not is_flagged


class MergedCustomer(Customer):
    """What the rows in one ledger have come to, whose customer was once merged: `limits.verify.kin`
    judges what rests on rows in the ledgers of others, too.
    """

    def _find_state_problem(self, row: Any) -> str | None:
        return None

    def _find_link_problem(self, row: Any) -> str | None:
        return None

    def _find_flag_problem(self, row: Any) -> str | None:
        return None

    def find_hold_problem(self, row: Any, now: int) -> str | None:
        """Leave it to who sees all of them."""
        return None


def _find_ref_problem(row: Any) -> str | None:
    if row.ref_row_id is None:
        return f"its Ref_Id {row.ref_id} is gone"
    if (row.ref_row_id, row.ref_customer_id) != (row.id, row.customer_id):
        return f"its Ref_Id {row.ref_id} points at another row"
    return None

"""Make up whole histories of many customers at once, row for row what the services would have
written. It writes only of customers who have no check and no entry yet.

It asks the database for nothing while it makes them up. What an answer rests on (limits.decision,
limits.posting, limits.signing) are the services' own functions: here is what they would have read.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from customers.choices import Tier
from limits import decision, queries
from limits.decision import (
    FINANCIAL_YEAR,
    MONTH_WINDOW,
    Decision,
    Question,
    Rule,
    Totals,
)
from limits.known import Ask, Report, Usage
from limits.models import (
    Direction,
    Hold,
    LedgerEntry,
    LedgerHead,
    LimitCheck,
    MonthlyUsage,
)
from limits.posting import (
    POST_KIND,
    REVERSE_KIND,
    KnownCheck,
    Place,
    find_effect_paise,
    list_flags,
    place_update,
)
from ppims.core import calendar
from ppims.core.chain import sign_link, sign_row
from ppims.core.keys import EPOCH, Plain
from ppims.db import bulk
from ppims.models import Processor, ReplayKey
from ppims.services.idempotency import Call

# All instants here are microseconds, as they are signed.
SECOND_MICROS, MINUTE_MICROS = 1_000_000, 60_000_000
TABLES = (LimitCheck, Hold, LedgerEntry, LedgerHead, MonthlyUsage, ReplayKey)


@dataclass(slots=True)
class Asked:
    """What of a check, and of its hold, later calls ask for. A declined one never held: its
    `expires_at` is 0.
    """

    id: int
    processor_id: int
    at: int
    month: int
    direction: str
    amount_paise: int
    expires_at: int
    is_settled: bool = False


class Booking(NamedTuple):
    """Where an update goes, and the rows that it answers or undoes."""

    place: Place
    check_id: int | None = None
    reverses_id: int | None = None


@dataclass(frozen=True)
class InForce:
    """The rules of one tier and direction at some time, and what of them is asked for often."""

    rules: Sequence[Rule]
    ask_for_the_year: bool


class Rulebook:
    """The rules in force at any instant, read once: they change at their starts alone."""

    def __init__(self) -> None:
        starts = queries.list_rule_starts()
        self.starts = [calendar.to_microseconds(start) for start in starts]
        self.known = {
            (place, tier, direction): _find_in_force(tier, direction, at)
            for place, at in enumerate([EPOCH, *starts])  # as bisect_right finds it
            for tier in Tier.values
            for direction in Direction.values
        }

    def find_rules(self, tier: str, direction: str, at: int) -> InForce:
        """Find the rules of a tier and direction that are in force at an instant."""
        return self.known[bisect_right(self.starts, at), tier, direction]


class Histories:
    """The ledger's rows of a batch of customers: gathered, then inserted."""

    def __init__(self, rules: Rulebook, ids: range) -> None:
        self.rules = rules
        self.key = settings.PPIMS_LEDGER_KEYS[0]
        self.check_ids, self.entry_ids = iter(ids), iter(ids)
        self.rows: bulk.Rows = {model: [] for model in TABLES}

    def keep_check(self, check_id: int, values: Sequence[Plain], said: bytes) -> None:
        mac = sign_row(self.key, "check", values, said)
        self.rows[LimitCheck].append([check_id, *values, self.key.id, mac])

    def keep_entry(
        self, entry_id: int, values: Sequence[Plain], previous: bytes, said: bytes
    ) -> bytes:
        digest = sign_link(self.key, "entry", values, previous, said)
        self.rows[LedgerEntry].append([entry_id, *values, self.key.id, digest])
        return digest

    def keep_head(self, values: Sequence[Plain]) -> None:
        mac = sign_row(self.key, "head", values)
        self.rows[LedgerHead].append([*values, self.key.id, mac])

    def keep_answer(self, processor_id: int, call: Call, customer_id: int, row_id: int) -> None:
        key = (processor_id, call.operation.value, call.ref_id)
        row: bulk.Row = [*key, customer_id, row_id, call.digests]
        self.rows[ReplayKey].append(row)


class Book:
    """One customer's history: what limits.services would have answered and kept, call after call,
    of accounts and cards that are usable and with nothing that is refused.

    `tier`, `tier_since` and `cif_ids`, by processor, are the caller's to set.
    """

    def __init__(self, histories: Histories, customer_id: int) -> None:
        self.histories, self.customer_id = histories, customer_id
        self.tier, self.tier_since = "", 0
        self.cif_ids: dict[int, str] = {}
        self.used: dict[tuple[int, str], int] = {}
        self.holds: dict[int, Asked] = {}
        self.asked: dict[tuple[int, str], Asked] = {}  # by processor and Ref_Id
        # By processor, Tran_Id and direction: entry and month.
        self.posted: dict[tuple[int, str, str], tuple[int, int]] = {}
        self.check_count = self.entry_count = self.last_at = 0
        self.last_digest = b""

    def check(self, call: Call, ask: Ask, *, at: int) -> bool:
        """Answer an enquiry as check_limit would: is it allowed?"""
        processor_id = call.processor.pk
        # The services sweep expired holds at a check, too, so that the rows left are the same.
        self.holds = {i: held for i, held in self.holds.items() if held.expires_at > at}
        decided = self._decide(processor_id, ask, at)
        asked = Asked(
            next(self.histories.check_ids),
            processor_id,
            at,
            calendar.number_month(at),
            ask.direction,
            ask.amount_paise,
            _find_hold_end(call.processor, at) if decided.is_allowed else 0,
        )
        self.asked[processor_id, call.ref_id] = asked
        if decided.is_allowed:
            self.holds[asked.id] = asked
        self.check_count, self.last_at = self.check_count + 1, at
        values = self._list_check_values(call.ref_id, ask, asked, decided)
        self.histories.keep_check(asked.id, values, call.digests)
        self.histories.keep_answer(processor_id, call, self.customer_id, asked.id)
        return decided.is_allowed

    def update(self, call: Call, report: Report, *, at: int) -> None:
        """Book what happened as update_limit would."""
        processor_id = call.processor.pk
        booking = self._find_booking(processor_id, report, at)
        month, effect = booking.place.month, find_effect_paise(report.kind, report.amount_paise)
        if effect:
            key = (month, report.direction)
            self.used[key] = self.used.get(key, 0) + effect
        entry_id = next(self.histories.entry_ids)
        if report.kind == POST_KIND and report.tran_id:
            posted = (processor_id, report.tran_id, report.direction)
            self.posted[posted] = (entry_id, month)
        self.entry_count, self.last_at = self.entry_count + 1, at
        values = self._list_entry_values(processor_id, call.ref_id, report, booking, at)
        before, said = self.last_digest, call.digests
        self.last_digest = self.histories.keep_entry(entry_id, values, before, said)
        self.histories.keep_answer(processor_id, call, self.customer_id, entry_id)

    def close(self) -> None:
        """Keep what the history leaves: holds, the months' usage and the head."""
        for held in self.holds.values():
            what = (held.processor_id, held.month, held.direction, held.amount_paise)
            row: bulk.Row = [held.id, self.customer_id, *what, held.expires_at]
            self.histories.rows[Hold].append(row)
        for month in dict.fromkeys(month for month, _ in self.used):
            used = (self.used.get((month, direction), 0) for direction in Direction.values)
            self.histories.rows[MonthlyUsage].append([self.customer_id, month, *used])
        if self.last_at:
            counts = (self.entry_count, self.check_count)
            self.histories.keep_head((self.customer_id, *counts, self.last_digest, self.last_at))

    def _decide(self, processor_id: int, ask: Ask, at: int) -> Decision:
        in_force = self.histories.rules.find_rules(self.tier, ask.direction, at)
        return decision.decide(
            Question(
                calendar.from_microseconds(at),
                ask.amount_paise,
                in_force.rules,
                self._sum_totals(in_force, calendar.number_month(at), ask.direction, at),
                ask.balance_paise,
                self._sum_usage(at).sum_held_credit(processor_id) if self.holds else 0,
                decision.find_loading_stop(
                    in_force.rules, calendar.from_microseconds(self.tier_since)
                ),
            )
        )

    def _list_check_values(
        self, ref_id: str, ask: Ask, asked: Asked, decided: Decision
    ) -> Sequence[Plain]:
        rule = decided.rule
        return (
            self.customer_id,
            self.check_count,
            asked.processor_id,
            ask.unique_id,
            ref_id,
            asked.at,
            asked.month,
            ask.direction,
            ask.amount_paise,
            ask.balance_paise,
            ask.account_number or "",
            (ask.card_number or "")[-4:],
            self.tier,
            int(decided.is_allowed),
            decided.reason,
            rule.id if rule else None,
            rule.amount if rule else None,
            decided.used,
            decided.held,
            decided.remaining,
            decided.resets_on.isoformat() if decided.resets_on else None,
            asked.expires_at or None,
            ",".join(decided.unjudged),
            decided.figures.cumulative,
            decided.figures.available,
            self.cif_ids[asked.processor_id],
            None,
        )

    def _find_booking(self, processor_id: int, report: Report, at: int) -> Booking:
        """Find where an update goes, by what this history has of what it names."""
        asked, check, undone_id, named_month = None, None, None, 0
        if report.kind == REVERSE_KIND:
            undone = (processor_id, report.tran_id or "", report.direction)
            undone_id, named_month = self.posted[undone]
        else:
            asked = self.asked.get((processor_id, report.enquiry_ref_id or ""))
            check = self._make_known_check(asked, at) if asked else None
        place = place_update(
            report.kind,
            report.amount_paise,
            calendar.number_month(at),
            check=check,
            named_month=named_month,
        )
        if asked is None or not place.answers_check:
            return Booking(place, reverses_id=undone_id)
        self.holds.pop(asked.id, None)
        asked.is_settled = report.kind == POST_KIND
        return Booking(place, check_id=asked.id)

    def _make_known_check(self, asked: Asked, at: int) -> KnownCheck:
        is_held = asked.id in self.holds and asked.expires_at > at
        told = (bool(asked.expires_at), asked.month, asked.amount_paise, at - asked.at)
        return KnownCheck(*told, is_held, asked.is_settled)

    def _list_entry_values(
        self, processor_id: int, ref_id: str, report: Report, booking: Booking, at: int
    ) -> Sequence[Plain]:
        in_force = self.histories.rules.find_rules(self.tier, report.direction, at)
        arrival, rules, place = calendar.number_month(at), in_force.rules, booking.place
        totals = self._sum_totals(in_force, place.month, report.direction, at)
        gauge = decision.find_tightest(rules, totals)
        judged = gauge.totals if gauge else totals[MONTH_WINDOW]
        limit_paise = gauge.rule.amount if gauge else None
        flags = list_flags(
            report.kind,
            report.amount_paise,
            place.flags,
            limit_paise=limit_paise,
            used_and_held_paise=judged.used + judged.held,
        )
        left = gauge
        if arrival != place.month:
            totals = self._sum_totals(in_force, arrival, report.direction, at)
            left = decision.find_tightest(rules, totals)
        shown = decision.make_figures(left, totals)
        return (
            self.customer_id,
            self.entry_count,
            report.unique_id,
            processor_id,
            ref_id,
            at,
            arrival,
            place.month,
            report.kind,
            report.direction,
            report.amount_paise,
            report.balance_paise,
            report.tran_id or "",
            report.enquiry_ref_id or "",
            booking.check_id,
            booking.reverses_id,
            None,
            ",".join(flags),
            self.tier,
            judged.used,
            judged.held,
            limit_paise,
            gauge.rule.id if gauge else None,
            shown.cumulative,
            shown.available,
        )

    def _sum_totals(
        self, in_force: InForce, month: int, direction: str, at: int
    ) -> Mapping[str, Totals]:
        """Sum up as Standing does; the year only where a rule asks, which is seldom."""
        if in_force.ask_for_the_year:
            return self._sum_usage(at).sum_totals(month, direction)
        held = sum(
            held.amount_paise
            for held in self.holds.values()
            if held.expires_at > at and held.month == month and held.direction == direction
        )
        used = self.used.get((month, direction), 0)
        return {MONTH_WINDOW: Totals(used, held, calendar.find_first_day_after_month(month))}

    def _sum_usage(self, at: int) -> Usage:
        held: dict[tuple[int, str, int], int] = {}
        for hold in self.holds.values():
            if hold.expires_at > at:
                key = (hold.month, hold.direction, hold.processor_id)
                held[key] = held.get(key, 0) + hold.amount_paise
        return Usage(self.used, held)


def insert(rows: bulk.Rows) -> None:
    """Insert the rows of a batch, inside a transaction."""
    bulk.insert(LimitCheck, rows[LimitCheck])
    bulk.insert(Hold, rows[Hold])
    bulk.insert(LedgerEntry, rows[LedgerEntry])
    bulk.insert(LedgerHead, rows[LedgerHead])
    bulk.insert(MonthlyUsage, rows[MonthlyUsage])
    bulk.insert(ReplayKey, rows[ReplayKey])
    bulk.move_sequences_past_ids(LimitCheck, LedgerEntry)


def _find_in_force(tier: str, direction: str, at: datetime) -> InForce:
    rules = queries.find_rules(tier, direction, at)
    return InForce(rules, any(rule.window == FINANCIAL_YEAR for rule in rules))


def _find_hold_end(processor: Processor, at: int) -> int:
    until = at + (processor.hold_minutes or settings.PPIMS_HOLD_MINUTES) * MINUTE_MICROS
    return -(-until // SECOND_MICROS) * SECOND_MICROS

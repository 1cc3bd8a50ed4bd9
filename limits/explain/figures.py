"""The figures of a row's windows, and the entries and holds that they rest on."""

from collections.abc import Iterator
from typing import Any

from limits.decision import (
    CREDIT_STOP,
    FINANCIAL_YEAR,
    MONTH_WINDOW,
    Gauge,
    Question,
    Rule,
    Totals,
    find_loading_stop,
    work_out_left,
)
from limits.explain.derive import Derived, sum_used
from limits.explain.results import Figures, Line, Resting, WindowThen
from limits.explain.scene import Scene, list_rules
from limits.known import Check, Entry, Usage
from limits.models import LimitRule
from limits.posting import find_effect_paise
from ppims.core import calendar

MOST_LINES = 10


class Account:
    """How the month and the year of a row stood before it and after it, and what that rests on."""

    def __init__(self, scene: Scene, derived: Derived) -> None:
        self._scene, self._derived = scene, derived
        self._cut = derived.guess.cut
        self.row = derived.row or scene.row
        self.rules = list_rules(scene, derived.guess)
        self.held = scene.list_held(self._cut)
        self._used = sum_used(scene, self._cut)
        self.windows = tuple(self._list_windows())

    @property
    def months(self) -> tuple[int, ...]:
        """The months that the figures are of: of the year, where a rule is for one."""
        month = self.row.month
        is_of_year = any(rule.window == FINANCIAL_YEAR for rule in self.rules)
        return calendar.list_months_of_financial_year(month) if is_of_year else (month,)

    def list_used_by_month(self) -> dict[int, int]:
        """List what was used before the row, by month; months without any left out."""
        used = {month: self._used.get((month, self.row.direction), 0) for month in self.months}
        return {month: paise for month, paise in used.items() if paise}

    def sum_up_entries(self) -> Resting:
        """Sum up the entries that the figures before the row rest on, with the newest."""
        months, way = self.months, self.row.direction
        lines = [make_line(each) for each in self._scene.list_newest(months, MOST_LINES, self._cut)]
        sums = self._scene.sums
        counted = [sums[m, way] for m in months if (m, way) in sums]
        between = [
            find_effect_paise(each.kind, each.amount_paise)
            for each in self._scene.list_between(self._cut)
            if each.month in months and each.direction == way and each.kind != "F"
        ]
        return Resting(
            tuple(lines),
            sum(count for count, _ in counted) + len(between),
            sum(paise for _, paise in counted) + sum(between),
        )

    def sum_up_holds(self) -> Resting:
        """Sum up the holds that were open before the row, with the newest."""
        months, way = self.months, self.row.direction
        held = [each for each in self.held if each.month in months and each.direction == way]
        lines = tuple(make_line(each) for each in held[:MOST_LINES])
        return Resting(lines, len(held), sum(each.amount_paise for each in held))

    # Windows.

    def _list_windows(self) -> Iterator[WindowThen]:
        before, after = self._sum_totals(is_after=False), self._sum_totals(is_after=True)
        by_window = {rule.window: rule for rule in self.rules}
        for window in (MONTH_WINDOW, FINANCIAL_YEAR):
            rule = by_window.pop(window, None)
            if rule or window == MONTH_WINDOW:
                month = self.row.month
                of_year = calendar.list_months_of_financial_year(month)
                yield WindowThen(
                    window,
                    months=of_year if window == FINANCIAL_YEAR else (month,),
                    before=_make_figures(rule, before[window]),
                    after=_make_figures(rule, after[window]),
                    **self._describe_rule(rule),
                )
        if isinstance(self.row, Check):
            for rule in by_window.values():
                yield self._make_other_window(self.row, rule, before)

    def _make_other_window(self, row: Check, rule: Rule, totals: dict[str, Totals]) -> WindowThen:
        tier_since = calendar.from_microseconds(self._derived.guess.tier.since)
        stops_at = find_loading_stop([rule], tier_since)
        question = Question(
            at=row.at,
            amount=row.amount_paise,
            rules=self.rules,
            totals=totals,
            balance=row.balance_paise,
            held_credit_here=self.sum_held_credit(row.processor_id),
        )
        left = None if rule.window == CREDIT_STOP else work_out_left(rule, question)
        return WindowThen(rule.window, left=left, stops_at=stops_at, **self._describe_rule(rule))

    def sum_held_credit(self, processor_id: int) -> int:
        """Sum up the processor's own open loads, by which a balance is judged."""
        loads = [each for each in self.held if each.direction == "C"]
        return sum(each.amount_paise for each in loads if each.processor_id == processor_id)

    def _describe_rule(self, rule: Rule | None) -> dict[str, Any]:
        if rule is None:
            return {}
        kept = LimitRule.objects.filter(pk=rule.id).first()
        end = self._scene.rules.find_end(rule.id)
        return {
            "rule_id": rule.id,
            "amount": rule.amount,
            "source": kept.source if kept else "",
            "since": kept.in_force_from if kept else None,
            "until": None if end is None else calendar.from_microseconds(end),
            "is_deciding": rule.id == self.row.rule_id,
        }

    def _sum_totals(self, *, is_after: bool) -> dict[str, Totals]:
        row, used, held = self.row, dict(self._used), list(self.held)
        for month in self._scene.months:
            used.setdefault((month, row.direction), 0)
        if is_after and isinstance(row, Check) and row.is_allowed:
            held.append(row)
        if is_after and isinstance(row, Entry):
            used[row.month, row.direction] = used.get(
                (row.month, row.direction), 0
            ) + find_effect_paise(row.kind, row.amount_paise)
            held = [each for each in held if each.id != row.limit_check_id]
        places: dict[tuple[int, str, int], int] = {}
        for each in held:
            place = each.month, each.direction, each.processor_id
            places[place] = places.get(place, 0) + each.amount_paise
        return Usage(used, places).sum_totals(row.month, row.direction)


def _make_figures(rule: Rule | None, totals: Totals) -> Figures:
    left = Gauge(rule, totals).remaining if rule else None
    return Figures(totals.used, totals.held, left)


def make_line(row: Check | Entry) -> Line:
    """Make the line of an entry, or of a check that holds."""
    if isinstance(row, Check):
        kind, paise, until = "", row.amount_paise, row.hold_until
    else:
        kind, until = row.kind, None
        paise = find_effect_paise(row.kind, row.amount_paise)
    return Line(
        row.id,
        row.at,
        kind,
        row.month,
        paise,
        row.ref_id,
        row.processor_id,
        row.unique_id_sent,
        until,
    )

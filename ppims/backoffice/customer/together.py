"""Two customers side by side, and what they come to as one: for who proposes a merge, and for who
decides it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from customers import survivors
from customers.models import Customer, Document, Registration
from customers.services import merging
from limits.decision import FINANCIAL_YEAR
from limits.models import FULL_PERMILLE, Direction, write_limit
from limits.services.owned import sum_owned
from ppims.backoffice.customer.left import write_left
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core import calendar, clock
from ppims.core.formats import NO_VALUE, inr, ist_date, mask_day
from ppims.reports.limit_status import DirectionStatus, read_joint_status


@dataclass(frozen=True)
class Line:
    """One thing of both, and of both as one; red where that is over a limit."""

    what: str
    survivor: str = field(repr=False)
    merged: str = field(repr=False)
    together: str = field(repr=False)
    is_over: bool = False


@dataclass(frozen=True)
class Together:
    """Two customers side by side: the older one survives; or `is_parting`, where the merged one is
    to be another again.
    """

    survivor: Customer
    merged: Customer
    lines: Sequence[Line]
    is_parting: bool = False

    @property
    def addresses(self) -> tuple[str, str]:
        return write_customer_address(self.survivor.pk), write_customer_address(self.merged.pk)

    @property
    def is_over(self) -> bool:
        """Whether both come to more than a limit allows one: nothing new is allowed then."""
        return any(line.is_over for line in self.lines)


def compare(one: Customer, other: Customer) -> Together:
    """Set two customers side by side, masked, with the figures of each and of both as one."""
    survivor, merged = merging.choose_survivor(one, other)
    after = merging.predict(survivor, merged)
    return Together(
        survivor,
        merged,
        [
            *_list_who(survivor, merged),
            *_list_after(survivor, merged, after),
            *_list_sums(survivor, merged, after),
        ],
    )


def compare_parting(survivor: Customer, merged: Customer) -> Together:
    """Set a survivor beside the one that is to be un-merged: who each is then, and what the person
    has used by both.
    """
    after = merging.predict_parting(survivor, merged.pk)
    lines = [*_list_who(survivor, merged), *_list_after(after, merged, survivor)]
    month, kin = calendar.number_ist_month(clock.now()), survivors.list_kin(merged.pk)
    theirs = sum_owned(survivors.list_branch(merged.pk), kin).used
    for way in read_joint_status(survivor, [survivor.pk]):
        is_debit = way.direction == Direction.DEBIT
        what = _("Spent this month") if is_debit else _("Loaded this month")
        leaves = theirs[month, way.direction]
        sums = [inr(way.month.used - leaves), inr(leaves), _write_totals(way.month)]
        lines.append(_make_line(what, sums))
    return Together(survivor, merged, lines, is_parting=True)


def _make_line(what: str, values: Sequence[str], *, is_over: bool = False) -> Line:
    survivor, merged, together = values
    return Line(what, survivor, merged, together, is_over)


def _list_who(survivor: Customer, merged: Customer) -> list[Line]:
    both = (survivor, merged)
    said: list[tuple[str, list[str], bool]] = [
        (_("Name"), [each.name for each in both], False),
        (_("Mobile number"), [each.masked_mobile or NO_VALUE for each in both], True),
        (_("Date of birth"), [mask_day(each.date_of_birth) for each in both], False),
        (_("Document"), [_name_documents(each.pk) for each in both], True),
        (_("Registered through"), [_name_processors(each.pk) for each in both], True),
        (_("On record since"), [ist_date(each.created_at) for each in both], False),
    ]
    return [
        _make_line(what, [*two, _join_values(two) if is_joint else two[0]])
        for what, two, is_joint in said
    ]


def _join_values(two: list[str]) -> str:
    told = [each for each in two if each != NO_VALUE]
    return _("Both") if len(told) > 1 else next(iter(told), NO_VALUE)


def _list_after(survivor: Customer, merged: Customer, after: Customer) -> list[Line]:
    three = (survivor, merged, after)
    return [
        _make_line(_("KYC"), [str(each.get_tier_display()) for each in three]),
        _make_line(_("KYC since"), [ist_date(each.tier_since) for each in three]),
        _make_line(_("Status"), [str(each.get_status_display()) for each in three]),
    ]


def _list_sums(survivor: Customer, merged: Customer, after: Customer) -> list[Line]:
    sides = [
        read_joint_status(survivor, [survivor.pk]),
        read_joint_status(merged, [merged.pk]),
        read_joint_status(after, [survivor.pk, merged.pk]),
    ]
    lines = []
    for ways in zip(*sides, strict=True):
        lines += _list_sums_of_way(ways)
    return lines


def _list_sums_of_way(ways: tuple[DirectionStatus, ...]) -> list[Line]:
    is_debit = ways[0].direction == Direction.DEBIT
    spent = _("Spent this month") if is_debit else _("Loaded this month")
    left = _("Left to spend this month") if is_debit else _("Left to load this month")
    year = _("Spent this financial year") if is_debit else _("Loaded this financial year")
    lines = [_make_line(spent, [_write_totals(way.month) for way in ways])]
    if any(_find_year(way) for way in ways):
        lines.append(_make_line(year, [_write_year(way) for way in ways]))
    over = [meter for meter in ways[2].meters if meter.permille > FULL_PERMILLE]
    written = [write_left(way.left, is_blocked=way.is_blocked) for way in ways]
    if over:
        limits = ", ".join(write_limit(meter.limit) for meter in over)
        written[2] = _("%(left)s: over the limit of %(limit)s") % {
            "left": written[2],
            "limit": limits,
        }
    lines.append(_make_line(left, written, is_over=bool(over)))
    return lines


def _find_year(way: DirectionStatus) -> Any:
    return next((m for m in way.meters if m.rule.window == FINANCIAL_YEAR), None)


def _write_year(way: DirectionStatus) -> str:
    meter = _find_year(way)
    return _write_totals(meter.totals) if meter else NO_VALUE


def _write_totals(totals: Any) -> str:
    if not totals.held:
        return inr(totals.used)
    said = {"used": inr(totals.used), "held": inr(totals.held)}
    return _("%(used)s and %(held)s on hold") % said


def _name_documents(unique_id: int) -> str:
    ids = survivors.list_branch(unique_id)
    on_record = Document.objects.filter(customer_id__in=ids, replaced_at__isnull=True)
    return ", ".join(map(str, on_record.order_by("kind", "pk"))) or NO_VALUE


def _name_processors(unique_id: int) -> str:
    through = Registration.objects.filter(customer_id__in=survivors.list_branch(unique_id))
    names = through.order_by("registered_at").values_list("processor__system_id", flat=True)
    return ", ".join(dict.fromkeys(names)) or NO_VALUE

"""How the fields of a check and an entry are called, and how their values are written, where what
was recorded stands beside what comes out anew.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from limits.explain.results import Compared, Explained
from limits.known import Check
from limits.models import Direction, Window, write_limit
from ppims.backoffice import labels
from ppims.backoffice.explanation.sections import Cell, Table
from ppims.core.formats import NO_VALUE, inr, ist_date, write_ist_second, write_month

# In the order in which they are shown. What was sent is not here: it comes out as it was recorded.
LABELS = {
    "is_allowed": _("Allowed"),
    "reason": _("Reason"),
    "tier": _("KYC then"),
    "arrival_month": _("Month of arrival"),
    "month": _("Counts in"),
    "direction": _("Type"),
    "amount_paise": _("Amount"),
    "rule_id": _("Rule"),
    "limit": _("Its limit"),
    "limit_paise": _("Its limit"),
    "used_paise": _("Used"),
    "held_paise": _("On hold"),
    "remaining_paise": _("Left"),
    "used_after_paise": _("Used after it"),
    "held_after_paise": _("On hold after it"),
    "cumulative_paise": _("Told as used and on hold"),
    "available_paise": _("Told as left"),
    "resets_on": _("Resets on"),
    "hold_until": _("On hold until"),
    "unjudged": _("Not judged"),
    "flags": _("Flags"),
    "limit_check_id": _("Check that it answers"),
    "reverses_id": _("Posting that it gives back of"),
    "tran_id": _("Tran_Id"),
    "unique_id_sent": _("Unique_Id that it is of"),
    "old_unique_id": _("Old_Unique_Id"),
}
OF_TWO_PEOPLE = {"direction", "amount_paise", "tran_id", "unique_id_sent"}
VALUE_WRITERS: dict[str, Callable[[Any], str]] = {
    "is_allowed": lambda value: gettext("Yes") if value else gettext("No"),
    "reason": labels.name_reason,
    "tier": lambda code: str(Tier(code).label),
    "direction": lambda code: str(Direction(code).label),
    "arrival_month": write_month,
    "month": write_month,
    "flags": labels.name_flags,
    "unjudged": lambda codes: ", ".join(str(Window(each).label) for each in codes.split(",")),
    "resets_on": ist_date,
    "hold_until": write_ist_second,
}


def compare_all(explained: Explained) -> Table:
    """Write every field that was worked out anew."""
    return _make_table(explained, [*_list_shown(explained)])


def compare_differing(explained: Explained) -> Table | None:
    """Write the fields that differ; None: none does."""
    found = explained.differing
    return _make_table(explained, found) if found else None


def _list_shown(explained: Explained) -> Iterator[Compared]:
    by_name = {each.name: each for each in explained.compared}
    is_by_two = explained.row.processor_id is None
    for name in LABELS:
        each = by_name.get(name)
        if each and (is_by_two or name not in OF_TWO_PEOPLE or not each.is_same):
            yield each


def _make_table(explained: Explained, compared: list[Compared]) -> Table:
    columns = (gettext("Field"), gettext("Recorded"), gettext("Worked out anew"))
    rows = [
        (
            Cell(str(LABELS.get(each.name, each.name))),
            Cell(write_value(explained, each.name, each.recorded)),
            Cell(write_value(explained, each.name, each.derived)),
        )
        for each in compared
    ]
    return Table(gettext("Fields"), [Cell(column) for column in columns], rows)


def write_value(explained: Explained, name: str, value: Any) -> str:
    """Write a field's value; a dash where there is none."""
    if value is None or value == "":
        return NO_VALUE
    if name in VALUE_WRITERS:
        return VALUE_WRITERS[name](value)
    if name == "limit" and isinstance(explained.row, Check):
        is_months = explained.row.reason == "KYC_EXPIRED"
        return write_limit(value, Window.CREDIT_STOP if is_months else None)
    if name.endswith("_paise") or name == "limit":
        return inr(value)
    if isinstance(value, datetime):
        return write_ist_second(value)
    return ist_date(value) if isinstance(value, date) else str(value)

"""What waits for staff about a customer, in words: each leads to where it is decided or closed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from limits.models import Direction
from ppims.backoffice import labels
from ppims.backoffice.proposal_kinds import KINDS
from ppims.backoffice.reviews import write_question
from ppims.core import clock
from ppims.core.formats import inr, ist_short_day
from ppims.reports.open_items import Kind, OpenItem


@dataclass(frozen=True)
class Task:
    """One thing that waits: what it is, where it leads, and from whom it comes, since when."""

    text: str = field(repr=False)  # may hold a name
    address: str
    since: str


def make_tasks(items: Iterable[OpenItem]) -> list[Task]:
    """Write what waits, in its order."""
    return [_make_task(item) for item in items]


def _make_task(item: OpenItem) -> Task:
    day = ist_short_day(item.since, clock.today())
    if item.kind.value in KINDS:
        kind = KINDS[item.kind.value]
        said = {"who": item.row.maker.get_username(), "day": day}
        return Task(
            f"{kind.label}: {kind.in_short(item.row)}",
            reverse("approval", args=[kind.name, item.row.pk]),
            _("proposed by %(who)s, %(day)s") % said,
        )
    write, url_name = TASK_WRITERS[item.kind]
    processor = item.row.processor  # none of a correction and a merge
    return Task(
        write(item.row),
        reverse(url_name, args=[item.row.pk]),
        f"{processor.system_id}, {day}" if processor else day,
    )


def _write_flagged(entry: Any) -> str:
    said = {**_write_money(entry), "flags": labels.name_flags(entry.flags)}
    return _("Flagged: %(way)s %(amount)s, %(flags)s") % said


def _write_refused(report: Any) -> str:
    return _("Refused report: %(way)s %(amount)s") % _write_money(report)


def _write_money(row: Any) -> dict[str, str]:
    way = labels.lower_first(str(Direction(row.direction).label))
    return {"way": way, "amount": inr(row.amount_paise)}


TASK_WRITERS = {
    Kind.FLAGGED: (_write_flagged, "flagged-posting"),
    Kind.REVIEW: (write_question, "review"),
    Kind.REFUSED: (_write_refused, "refused-report"),
}

"""The filters of lists by time: what the address says, and what is looked for then."""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.models import LedgerEntry
from ppims.backoffice import labels
from ppims.core import clock
from ppims.core.days import DayField
from ppims.models import Processor
from ppims.reports.keyset import Frame
from ppims.reports.transactions import Filters, Kind

ALLOWED_OUTCOME, DECLINED_OUTCOME, ANY_FLAG = "allowed", "declined", "ANY"
TODAY_FRAME, YESTERDAY_FRAME, WEEK_FRAME, MONTH_FRAME, OWN_FRAME = (
    "today",
    "yesterday",
    "7-days",
    "month",
    "own",
)
WHEN_CHOICES = [
    ("", _("Any time")),
    (TODAY_FRAME, _("Today")),
    (YESTERDAY_FRAME, _("Yesterday")),
    (WEEK_FRAME, _("Last 7 days")),
    (MONTH_FRAME, _("This month")),
    (OWN_FRAME, _("Own dates")),
]
ONE_DAY = timedelta(days=1)
DAYS_OF_WEEK = 7


class FrameForm(forms.Form):
    """A time frame; every field may be left out. Days are India's, both included."""

    when = forms.ChoiceField(label=_("When"), required=False, choices=WHEN_CHOICES)
    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("To"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", gettext("This is before the first day."))
        return cleaned

    def make_frame(self, at: datetime) -> Frame:
        """Give the time frame of a valid form, at an instant."""
        said = self.cleaned_data
        return _make_frame(said["when"], said["since"], said["until"], at)


class FilterForm(FrameForm):
    """What is looked for; every field may be left out."""

    kind = forms.ChoiceField(label=_("What"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome of checks"), required=False)
    flag = forms.ChoiceField(label=_("Flag"), required=False)
    field_order = ("kind", "processor", "outcome", "flag", "when", "since", "until")

    def __init__(self, asked: Any) -> None:
        super().__init__(asked)
        self.processors = dict(
            Processor.objects.order_by("system_id").values_list("system_id", "pk")
        )
        all_of_them = ("", _("All"))
        flags = [(flag.value, str(flag.label).capitalize()) for flag in LedgerEntry.Flag]
        offered = {
            "kind": [all_of_them, *((_write_slug(kind), labels.KINDS[kind]) for kind in Kind)],
            "processor": [all_of_them, *((name, name) for name in self.processors)],
            "outcome": [
                all_of_them,
                (ALLOWED_OUTCOME, _("Allowed")),
                (DECLINED_OUTCOME, _("Declined")),
                *_list_reasons(),
            ],
            "flag": [("", _("Any or none")), (ANY_FLAG, _("Flagged")), *flags],
        }
        for name, choices in offered.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def make_filters(self, at: datetime) -> Filters:
        """Give what a valid form looks for, at an instant."""
        said = self.cleaned_data
        outcome = said["outcome"]
        is_reason = outcome not in {"", ALLOWED_OUTCOME, DECLINED_OUTCOME}
        return Filters(
            kind=KIND_BY_SLUG.get(said["kind"]),
            processor_id=self.processors.get(said["processor"]),
            is_allowed=None if is_reason or not outcome else outcome == ALLOWED_OUTCOME,
            reason=outcome if is_reason else None,
            flag=said["flag"] or None,
            frame=self.make_frame(at),
        )


def write_canonical_query(request: HttpRequest) -> str:
    """Give the query without what is empty, and without days that don't count; "": it is so."""
    given = request.GET.dict()
    days = {"since", "until"} if given.get("when") != OWN_FRAME else set()
    kept = {name: value for name, value in given.items() if value and name not in days}
    return "" if kept == given else f"?{urlencode(kept)}"


def _make_frame(when: str, since: date | None, until: date | None, at: datetime) -> Frame:
    today = clock.find_ist_day(at)
    days = {
        TODAY_FRAME: (today, today),
        YESTERDAY_FRAME: (today - ONE_DAY, today - ONE_DAY),
        WEEK_FRAME: (today - (DAYS_OF_WEEK - 1) * ONE_DAY, today),
        MONTH_FRAME: (today.replace(day=1), today),
        OWN_FRAME: (since, until),
    }
    first, last = days.get(when, (None, None))
    return Frame(
        clock.find_midnight(first) if first else None,
        clock.find_midnight(last + ONE_DAY) if last else None,
    )


def _write_slug(kind: Kind) -> str:
    return kind.value.lower().replace(" ", "-")


def _list_reasons() -> list[tuple[str, object]]:
    kept = [code for code in labels.REASONS if code not in {"WITHIN_LIMITS", *labels.OF_REPEATS}]
    return [(code, labels.REASONS[code]) for code in kept]


KIND_BY_SLUG = {_write_slug(kind): kind for kind in Kind}

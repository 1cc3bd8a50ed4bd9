"""The filters of lists: what the address says, what is looked for then, and the next page."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.models import LedgerEntry
from ppims.backoffice import labels
from ppims.core import calendar
from ppims.core.days import DayField
from ppims.models import Processor
from ppims.reports.keyset import Frame, Page
from ppims.reports.transactions import Filters, Kind

CURSOR_NAME = "after"
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
KIND_BY_SLUG = {kind.value.lower().replace(" ", "-"): kind for kind in Kind}


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
        """Return the time frame of a valid form, at an instant."""
        said, today = self.cleaned_data, calendar.find_ist_day(at)
        days = {
            TODAY_FRAME: (today, today),
            YESTERDAY_FRAME: (today - ONE_DAY, today - ONE_DAY),
            WEEK_FRAME: (today - (DAYS_OF_WEEK - 1) * ONE_DAY, today),
            MONTH_FRAME: (today.replace(day=1), today),
            OWN_FRAME: (said["since"], said["until"]),
        }
        first, last = days.get(said["when"], (None, None))
        return Frame(
            first and calendar.find_midnight(first), last and calendar.find_midnight(last + ONE_DAY)
        )


class FilterForm(FrameForm):
    """What is looked for; every field may be left out."""

    kind = forms.ChoiceField(label=_("What"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome of checks"), required=False)
    flag = forms.ChoiceField(label=_("Flag"), required=False)
    field_order = ("kind", "processor", "outcome", "flag", "when", "since", "until")

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.processors = read_processors()
        untold = {"WITHIN_LIMITS", *labels.OF_REPEATS}
        outcomes = [
            (ALLOWED_OUTCOME, _("Allowed")),
            (DECLINED_OUTCOME, _("Declined")),
            *((code, said) for code, said in labels.REASONS.items() if code not in untold),
        ]
        flags = [(flag.value, str(flag.label).capitalize()) for flag in LedgerEntry.Flag]
        set_choices(self, "kind", [(slug, labels.KINDS[k]) for slug, k in KIND_BY_SLUG.items()])
        set_choices(self, "processor", [(name, name) for name in self.processors])
        set_choices(self, "outcome", outcomes)
        set_choices(self, "flag", [(ANY_FLAG, _("Flagged")), *flags], _("Any or none"))

    def make_filters(self, at: datetime) -> Filters:
        """Return what a valid form looks for, at an instant."""
        said = self.cleaned_data
        outcome, processor = said["outcome"], self.processors.get(said["processor"])
        is_reason = outcome not in {"", ALLOWED_OUTCOME, DECLINED_OUTCOME}
        return Filters(
            kind=KIND_BY_SLUG.get(said["kind"]),
            processor_id=processor.pk if processor else None,
            is_allowed=None if is_reason or not outcome else outcome == ALLOWED_OUTCOME,
            reason=outcome if is_reason else None,
            flag=said["flag"] or None,
            frame=self.make_frame(at),
        )


def write_next_query(found: Page[Any], asked: Mapping[str, object]) -> str:
    """Write the query of a list's next page; "" where nothing follows."""
    return urlencode({**asked, CURSOR_NAME: found.next}) if found.next else ""


def read_processors() -> dict[str, Processor]:
    return {
        each.system_id: each
        for each in Processor.objects.only("system_id", "name").order_by("system_id")
    }


def set_choices(
    form: forms.Form, name: str, choices: Iterable[tuple[Any, Any]], none_chosen: object = _("All")
) -> None:
    """Offer choices in a filter, below that nothing is chosen."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = [("", none_chosen), *choices]


def write_canonical_query(request: HttpRequest) -> str:
    """Write the query without what is empty, and without days that don't count; "": it is so."""
    given = request.GET.dict()
    days = {"since", "until"} if given.get("when") != OWN_FRAME else set()
    kept = {name: value for name, value in given.items() if value and name not in days}
    return "" if kept == given else f"?{urlencode(kept)}"

"""The filters of lists: what the address says, what is looked for then, and the next page."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from limits.models import Direction, LedgerEntry, PostingFinding
from ppims.backoffice import labels
from ppims.core import calendar
from ppims.core.days import DayField
from ppims.models import Processor
from ppims.reports.heads import ANY_FLAG, NO_FINDING, Filters
from ppims.reports.keyset import Frame, Page
from ppims.reports.outcomes import Outcome
from ppims.reports.records import OF_ENTRIES, Kind

CURSOR_NAME = "after"
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
DIRECTION_BY_SLUG = {"spend": Direction.DEBIT, "load": Direction.CREDIT}
ALL_RECORDS = "all"
ADDED_SLUG, TAKEN_SLUG = "added", "taken"
IS_ADDED = {ADDED_SLUG: True, TAKEN_SLUG: False}
DECLINE_REASONS = [
    code for code in labels.REASONS if code not in {"WITHIN_LIMITS", *labels.OF_REPEATS}
]
KINDS_OF_RECORDS = (Kind.CHECK, *OF_ENTRIES)


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

    def list_asked(self) -> dict[str, str]:
        """List what the address asks for, of which every field counts."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}

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
    """What is looked for of transactions, or of every record; every field may be left out."""

    type = forms.ChoiceField(label=_("Type"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    flag = forms.ChoiceField(label=_("Flag"), required=False)
    every = forms.ChoiceField(label=_("Rows"), required=False)
    kyc = forms.ChoiceField(label=_("KYC then"), required=False)
    finding = forms.ChoiceField(label=_("Finding"), required=False)
    declined = forms.ChoiceField(label=_("Declined"), required=False)
    correction = forms.ChoiceField(label=_("Correction"), required=False)
    field_order = ("when", "since", "until", "type", "processor", "outcome", "flag", "every")
    MORE_FIELDS = ("flag", "every", "kyc", "finding", "declined", "correction")

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.processors = read_processors()
        self.is_of_records = bool(asked.get("every"))
        for name in list_idle(asked) & self.fields.keys():
            del self.fields[name]
        own_choices: Mapping[str, Iterable[tuple[str, object]]] = {
            "finding": [
                (NO_FINDING, _("Waits for a finding")),
                *PostingFinding.Finding.choices,
            ],
            "declined": [(code, labels.REASONS[code]) for code in DECLINE_REASONS],
            "outcome": _list_outcomes(),
            "correction": [(ADDED_SLUG, _("Added")), (TAKEN_SLUG, _("Taken away"))],
        }
        for name in own_choices.keys() & self.fields.keys():
            set_choices(self, name, own_choices[name])
        set_choices(self, "kyc", Tier.choices)
        types = [(slug, direction.label) for slug, direction in DIRECTION_BY_SLUG.items()]
        flags = [(flag.value, str(flag.label).capitalize()) for flag in LedgerEntry.Flag]
        set_choices(self, "type", types)
        set_choices(self, "processor", [(name, name) for name in self.processors])
        set_choices(self, "flag", [(ANY_FLAG, _("Flagged")), *flags], _("Any or none"))
        kinds = [(kind.value, f"– {str(labels.KINDS[kind]).lower()}") for kind in KINDS_OF_RECORDS]
        set_choices(self, "every", [(ALL_RECORDS, _("Every record")), *kinds], _("Transactions"))

    @property
    def first_fields(self) -> list[forms.BoundField]:
        days = set() if self.data.get("when") == OWN_FRAME or self.errors else {"since", "until"}
        return [field for field in self if field.name not in {*self.MORE_FIELDS, *days}]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in self.MORE_FIELDS]

    @property
    def is_more_asked(self) -> bool:
        return any(self.data.get(name) for name in self.MORE_FIELDS)

    def make_filters(self, at: datetime) -> Filters:
        """Return what a valid form looks for, at an instant."""
        said = self.cleaned_data
        outcome, processor = said.get("outcome"), self.processors.get(said["processor"])
        is_reason = outcome in labels.REASONS
        return Filters(
            kind=Kind(said["every"]) if said["every"] not in {"", ALL_RECORDS} else None,
            direction=DIRECTION_BY_SLUG[said["type"]].value if said["type"] else None,
            processor_id=processor.pk if processor else None,
            outcome=Outcome(outcome) if outcome and not is_reason else None,
            reason=outcome if is_reason else said.get("declined") or None,
            flag=said["flag"] or None,
            tier=said["kyc"] or None,
            finding=said.get("finding") or None,
            is_added=IS_ADDED.get(said.get("correction", "")),
            frame=self.make_frame(at),
        )


def _list_outcomes() -> list[tuple[str, object]]:
    """List the outcomes that can be looked for, and below that of declined checks their reasons."""
    reasons = [
        (code, f"– {labels.lower_first(str(labels.REASONS[code]))}") for code in DECLINE_REASONS
    ]
    choices: list[tuple[str, object]] = []
    for outcome in Outcome:
        choices += [
            (outcome.value, outcome.label),
            *(reasons if outcome == Outcome.DECLINED else ()),
        ]
    return choices


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


def list_idle(asked: Mapping[str, Any]) -> set[str]:
    """List the filters that don't count beside the others of an address: each is of some lists
    alone.
    """
    every = asked.get("every")
    counts = {
        "outcome": not every,
        "finding": every and asked.get("flag"),
        "declined": every == Kind.CHECK,
        "correction": every == Kind.ADJUSTED,
    }
    return {name for name, does in counts.items() if not does}


def write_canonical_query(request: HttpRequest) -> str:
    """Write the query without what is empty, and without what doesn't count: days of another time
    frame, and outcomes where every record is listed. "": it is so.
    """
    given = request.GET.dict()
    idle = list_idle(given)
    if given.get("when") != OWN_FRAME:
        idle |= {"since", "until"}
    kept = {name: value for name, value in given.items() if value and name not in idle}
    return "" if kept == given else f"?{urlencode(kept)}"

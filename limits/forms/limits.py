"""What staff fill in about limits."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from limits.models import Direction, Window
from limits.services.rules import LONGEST_SOURCE, Proposal
from limits.services.what_if import DEFAULT_MONTHS
from ppims.core import calendar, free_text
from ppims.core.formats import ist_date
from ppims.core.money import to_paise

FOR_LOADS = (Window.BALANCE, Window.CREDIT_STOP)
MOST_MONTHS = 600
STARTS_OFFERED = 12
AT_APPROVAL = "approval"
FIELD_ORDER = ("tiers", "directions", "window", "amount", "is_unlimited", "start", "source")
REPLAY_CHOICES = [
    (1, _("this month")),
    (3, _("3 months")),
    (12, _("12 months")),
]


class EffectForm(forms.Form):
    """Over how many of the last months it is to be shown what a change would have done."""

    months = forms.TypedChoiceField(
        label=_("What it would have done, over"),
        choices=REPLAY_CHOICES,
        coerce=int,
        initial=DEFAULT_MONTHS,
        error_messages={"invalid_choice": _("Choose over how many months.")},
    )


class ChangeLimitsForm(EffectForm):
    """One limit, for some KYC and one or both directions, from a day on."""

    tiers = forms.MultipleChoiceField(
        label=_("KYC"),
        choices=Tier,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose for which KYC.")},
    )
    directions = forms.MultipleChoiceField(
        label=_("Type"),
        choices=Direction,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose Spend, Load or both.")},
    )
    window = forms.ChoiceField(label=_("Applies to"), choices=Window, initial=Window.MONTH)
    amount = forms.CharField(
        label=_("Limit"),
        required=False,
        max_length=15,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("Rupees: 10000 or 2000.50. Of “Months until loading stops”, months."),
    )
    is_unlimited = forms.BooleanField(label=_("No limit"), required=False)
    start = forms.ChoiceField(
        label=_("From"), error_messages={"invalid_choice": _("Choose a start that is offered.")}
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=LONGEST_SOURCE,
        validators=[free_text.validate],
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=_("Where the figure comes from: MD-PPIs 2021, para 9.1(i)"),
        error_messages={"required": _("Enter where the figure comes from.")},
    )

    def __init__(self, data: Any = None, *, at: datetime) -> None:
        super().__init__(data, field_order=FIELD_ORDER)
        days = list_next_months(at)
        start = self.fields["start"]
        assert isinstance(start, forms.ChoiceField)
        start.choices = [
            *((day.isoformat(), ist_date(day)) for day in days),
            (AT_APPROVAL, gettext("As soon as it is approved")),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_for_loads = cleaned.get("window") in FOR_LOADS
        if is_for_loads and Direction.DEBIT in cleaned.get("directions", ()):
            self.add_error("directions", _("This is a limit on loads only: choose Load alone."))
        if "amount" in cleaned and not self.errors.get("window"):
            self._clean_limit(cleaned)
        return cleaned

    def _clean_limit(self, cleaned: dict[str, Any]) -> None:
        """Read paise, of CREDIT_STOP months; None: no limit, which has to be ticked."""
        text, is_unlimited = cleaned["amount"], cleaned["is_unlimited"]
        cleaned["amount"] = None
        if is_unlimited and text:
            self.add_error("amount", _("Enter a limit, or tick “No limit”: not both."))
        elif not is_unlimited and not text:
            self.add_error("amount", _("Enter the limit, or tick “No limit”."))
        elif text and cleaned["window"] == Window.CREDIT_STOP:
            if text.isdecimal() and 1 <= int(text) <= MOST_MONTHS:
                cleaned["amount"] = int(text)
            else:
                most = {"most": MOST_MONTHS}
                self.add_error("amount", gettext("Enter whole months, 1 to %(most)s.") % most)
        elif text:
            try:
                cleaned["amount"] = to_paise(text)
            except ValueError:
                said = gettext(
                    "Enter rupees above zero, without commas, with at most two decimals."
                )
                self.add_error("amount", said)

    def list_proposals(self) -> list[Proposal]:
        """List what is asked for: a rule for each KYC and direction."""
        cleaned = self.cleaned_data
        start = cleaned["start"]
        since = None if start == AT_APPROVAL else date.fromisoformat(start)
        return [
            Proposal(
                tier,
                direction,
                cleaned["window"],
                cleaned["amount"],
                cleaned["source"],
                calendar.find_midnight(since) if since else None,
            )
            for tier in cleaned["tiers"]
            for direction in cleaned["directions"]
        ]


def list_next_months(at: datetime) -> Sequence[date]:
    """List the first days of the months to come, in India."""
    days: list[date] = []
    month = calendar.number_ist_month(at)
    while len(days) < STARTS_OFFERED:
        days.append(calendar.find_first_day_after_month(month))
        month = days[-1].year * 100 + days[-1].month
    return days

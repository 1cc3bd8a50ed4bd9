"""What staff fill in about limits, and about what is used of them."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.forms.fields import make_reason_field
from limits.models import Direction, LimitRule, Window
from ppims.core import calendar, free_text
from ppims.core.days import MomentField
from ppims.core.errors import Refusal
from ppims.core.formats import inr, write_month
from ppims.core.money import to_paise, to_rupees

FOR_LOADS = (Window.BALANCE, Window.CREDIT_STOP)
MOST_MONTHS = 600
CORRECTED_MONTHS = 25  # this one and two years before it; a posting's own may be any
TAKE_AWAY_WAY, ADD_WAY = "take", "add"


class LimitRuleForm(forms.ModelForm):
    amount = forms.CharField(
        label="Limit",
        required=False,
        max_length=15,
        help_text="In rupees, without commas: 10000 or 2000.50. Of “Months until loading stops”, "
        "months. Empty: no limit from then on.",
    )

    in_force_from = MomentField(
        label="In force from",
        required=False,
        help_text="The day as DD-MM-YYYY, and a time of day in India (empty: 00:00). Without a day,"
        " or with one that has passed, the rule counts from the moment of its approval.",
    )

    class Meta:
        model = LimitRule
        fields = ["tier", "direction", "window", "amount", "in_force_from", "source"]
        labels: ClassVar[dict[str, str]] = {
            "tier": "KYC",
            "direction": "Type",
            "window": "Applies to",
        }

    def clean_amount(self) -> int | None:
        """Give paise, of CREDIT_STOP months; None: no limit."""
        text = self.cleaned_data["amount"]
        if not text:
            return None
        if self.cleaned_data.get("window") == Window.CREDIT_STOP:
            if text.isdecimal() and 1 <= int(text) <= MOST_MONTHS:
                return int(text)
            raise forms.ValidationError(f"Give whole months, 1 to {MOST_MONTHS}.")
        try:
            return to_paise(text)
        except ValueError:
            raise forms.ValidationError(
                "Give rupees above zero, without commas, with at most two decimals."
            ) from None

    def clean_source(self) -> str:
        source: str = self.cleaned_data["source"]
        free_text.validate(source)
        return source

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("window") in FOR_LOADS and cleaned.get("direction") == Direction.DEBIT:
            self.add_error("direction", "This is a limit on loads only: choose Load.")
        return cleaned


class CorrectionForm(forms.Form):
    """How much is added to a month, or taken away of it, and why."""

    amount = forms.CharField(
        label=_("Amount"),
        max_length=15,
        help_text=_("In rupees: 2000 or 2000.50."),
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"required": _("Enter the amount.")},
    )
    way = forms.ChoiceField(
        label=_("Add or take away"),
        choices=[
            (TAKE_AWAY_WAY, _("Take away from what is used")),
            (ADD_WAY, _("Add to what is used")),
        ],
    )
    direction = forms.ChoiceField(label=_("Type"), choices=Direction.choices)
    month = forms.TypedChoiceField(label=_("Month"), coerce=int)
    reason = make_reason_field()

    def __init__(self, data: Any, this_month: int, **more: Any) -> None:
        super().__init__(data, **more)
        months = [this_month]
        while len(months) < CORRECTED_MONTHS:
            months.append(calendar.number_month_before(months[-1]))
        begun_in = self.initial.get("month")
        if begun_in and begun_in not in months:
            months.append(begun_in)
        field = self.fields["month"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(month, write_month(month)) for month in months]

    def clean_amount(self) -> int:
        """Give paise."""
        try:
            return to_paise(self.cleaned_data["amount"].replace(",", "").lstrip("₹ "))
        except ValueError:
            raise forms.ValidationError(
                gettext("Enter rupees above zero, with at most two decimals.")
            ) from None

    @property
    def change_paise(self) -> int:
        """What is added; below zero: taken away."""
        paise: int = self.cleaned_data["amount"]
        return paise if self.cleaned_data.get("way") == ADD_WAY else -paise

    def refuse(self, refusal: Refusal) -> None:
        """Say why it was refused, each beside its field."""
        for name, said in refusal.errors or [("", refusal.message)]:
            field = "amount" if name == "amount_paise" else name
            if field in self.fields:
                self.add_error(field, f"{said}.")
            else:
                self.add_error(None, f"{name} {said}.")


class PostingCorrectionForm(CorrectionForm):
    """How much of one posting is taken away, of what is left of it, and why."""

    def __init__(self, data: Any, this_month: int, *, left_paise: int, **more: Any) -> None:
        super().__init__(data, this_month, **more)
        self.left_paise = left_paise
        self.initial.setdefault("amount", to_rupees(left_paise) if left_paise else "")
        for name in ("way", "direction", "month"):
            del self.fields[name]
        self.fields["amount"].label = _("Take away")

    def clean_amount(self) -> int:
        paise = super().clean_amount()
        if paise > self.left_paise:
            said = gettext("Enter at most %(left)s: that is left of it.")
            raise forms.ValidationError(said % {"left": inr(self.left_paise)})
        return paise

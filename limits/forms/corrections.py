"""What staff fill in to correct what is used."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.forms.fields import make_reason_field
from limits.models import Direction
from ppims.core import calendar
from ppims.core.errors import Refusal
from ppims.core.formats import inr, write_month
from ppims.core.money import to_paise, to_rupees

CORRECTED_MONTHS = 25  # this one and two years before it; a posting's own may be any
TAKE_AWAY_WAY, ADD_WAY = "take", "add"


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

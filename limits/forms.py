"""What staff fill in about limits."""

from typing import Any, ClassVar

from django import forms

from limits.models import Direction, LimitRule, Window
from ppims.core import free_text
from ppims.core.days import MomentField
from ppims.core.money import to_paise

FOR_LOADS = (Window.BALANCE, Window.CREDIT_STOP)
MOST_MONTHS = 600


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

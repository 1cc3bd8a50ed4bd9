"""The kinds of fields that forms about customers have, each with its sentence for when it is empty
though it must not be.
"""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from customers.choices import DocumentKind, KycChannel
from customers.forms.sentences import MISSING_SENTENCES
from ppims.core.days import DayInput
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE

EMPTY_CHOICE = [("", "–")]
DATE_HINT = _("Day first: DD-MM-YYYY")
DEFAULT_CHANNEL = KycChannel.BRANCH.value


def _say_missing(name: str) -> dict[str, Any]:
    return {"required": MISSING_SENTENCES[name]} if name in MISSING_SENTENCES else {}


def make_text_field(name: str, label: Any, *, required: bool = False, **more: Any) -> Any:
    """Make a line of text. The message that is read from it says what it may be."""
    attrs = {"autocomplete": "off", **more.pop("attrs", {})}
    widget = more.pop("widget", forms.TextInput)(attrs)
    return forms.CharField(
        label=label, required=required, widget=widget, error_messages=_say_missing(name), **more
    )


def make_day_field(name: str, label: Any, **more: Any) -> Any:
    return make_text_field(name, label, widget=DayInput, help_text=DATE_HINT, **more)


def make_mobile_field(**more: Any) -> Any:
    return make_text_field("mobile_number", _("Mobile number"), attrs={"inputmode": "tel"}, **more)


def make_choice_field(
    name: str, label: Any, choices: Any, *, required: bool = False, **more: Any
) -> Any:
    return forms.ChoiceField(
        label=label, choices=choices, required=required, error_messages=_say_missing(name), **more
    )


def make_document_fields() -> tuple[Any, Any]:
    """Make the two fields of a document: its kind, and its number."""
    kinds = [*EMPTY_CHOICE, *DocumentKind.choices]
    kind = make_choice_field("ovid_type", _("Document"), kinds)
    # The placeholder lets the style sheet tell a number that is filled in from none.
    return kind, make_text_field("ovid_value", _("Document number"), attrs={"placeholder": " "})


def make_kyc_done_fields() -> tuple[Any, Any]:
    """Make the fields for how and when the KYC was done."""
    hint = _("DD-MM-YYYY, with HH:MM if you like; empty: now")
    channel = make_choice_field("kyc_updated_channel", _("KYC channel"), KycChannel.choices)
    return channel, make_text_field("kyc_updated_on", _("KYC done on"), help_text=hint)


def make_reason_field(*, required: bool = True, rows: int = 3) -> Any:
    """Make the field for why somebody does something: in so many rows, where Enter doesn't send."""
    widget = forms.Textarea(attrs={"rows": rows}) if rows > 1 else forms.TextInput()
    return forms.CharField(
        label=_("Reason"),
        required=required,
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=widget,
        error_messages=_say_missing("reason"),
    )


def focus_first(form: forms.Form) -> None:
    """Let a form that nobody has sent begin in its first field; then its errors come first."""
    if not form.is_bound:
        first = next(field for field in form.fields.values() if not field.widget.is_hidden)
        first.widget.attrs["autofocus"] = True


def describe_on_record(masked: str) -> Any:
    """Say under a field what is on record, which is masked."""
    return format_lazy("{} {}", _("On record:"), masked) if masked else _("None on record")


class ReasonForm(forms.Form):
    """Why somebody does something."""

    reason = make_reason_field()

"""The forms by which an admin changes a processor, or proposes to."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.forms.fields import make_reason_field
from ppims.core import free_text
from ppims.core.errors import Refusal
from ppims.core.networks import LONGEST_TEXT, list_networks, write_canonical
from ppims.models import Processor
from ppims.models.processor_changes import LONGEST_HOLD_MINUTES, MOST_DAYS_KEPT
from ppims.models.processors import MOST_REQUESTS_PER_SECOND
from ppims.services.processor_changes import EDITED_FIELDS, NewProcessor, Terms


class ReasonForm(forms.Form):
    """Why a processor is changed."""

    marks_required = False
    reason = make_reason_field(rows=1)

    def __init__(self, _processor: Processor | None, data: Any) -> None:
        super().__init__(data, initial=self.list_initial(_processor) if _processor else {})

    def list_initial(self, _processor: Processor) -> dict[str, Any]:
        """Give what the fields hold at first."""
        return {}

    def refuse(self, refusal: Refusal) -> None:
        """Say why a service refused, beside the field that it names."""
        for name, message in refusal.errors or [("", refusal.message)]:
            self.add_error(name if name in self.fields else None, message)


def _make_name_field() -> forms.CharField:
    return forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("As staff read it: Core banking system."),
        error_messages={"required": _("Enter the processor’s name.")},
    )


def _make_hold_field() -> forms.IntegerField:
    said = _("Enter minutes from 1 to 1440, or nothing.")
    return forms.IntegerField(
        label=_("Holds last (minutes)"),
        required=False,
        min_value=1,
        max_value=LONGEST_HOLD_MINUTES,
        help_text=_("Empty: as long as elsewhere."),
        error_messages={"invalid": said, "min_value": said, "max_value": said},
    )


def _make_networks_field() -> forms.CharField:
    return forms.CharField(
        label=_("Networks"),
        required=False,
        max_length=2 * LONGEST_TEXT,
        help_text=_(
            "From where it calls, one a line: 203.0.113.0/24, or one address. From elsewhere it"
            " gets the answer of a wrong password. Empty: from anywhere."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )


def _make_rate_field() -> forms.IntegerField:
    said = _("Enter requests from 1 to 100000, or nothing.")
    return forms.IntegerField(
        label=_("Requests a second"),
        required=False,
        min_value=1,
        max_value=MOST_REQUESTS_PER_SECOND,
        help_text=_(
            "More wait for a second; reports of what has happened never do. Empty: as many as it"
            " likes."
        ),
        error_messages={"invalid": said, "min_value": said, "max_value": said},
    )


class TermsForm(ReasonForm):
    """What any processor is called, how long its holds last, from where and how often it calls."""

    name = _make_name_field()
    hold_minutes = _make_hold_field()
    networks = _make_networks_field()
    requests_per_second = _make_rate_field()
    field_order: Sequence[str] = (*EDITED_FIELDS, "reason")

    def clean_name(self) -> str:
        name = free_text.trim(str(self.cleaned_data["name"]))
        if not name or free_text.has_controls(name):
            raise forms.ValidationError(_("Enter the name without control characters."))
        return name

    def clean_networks(self) -> str:
        return write_canonical(str(self.cleaned_data["networks"]))


class EditForm(TermsForm):
    """Another name, hold time, networks or rate."""

    def list_initial(self, _processor: Processor) -> dict[str, Any]:
        initial = {name: getattr(_processor, name) for name in EDITED_FIELDS}
        return {**initial, "networks": "\n".join(list_networks(_processor.networks))}


class NewProcessorForm(TermsForm):
    """A new processor."""

    system_id = forms.CharField(
        label=_("Code (System_Id)"),
        max_length=32,
        validators=Processor._meta.get_field("system_id").validators,
        help_text=_("As the processor sends it: ENT. It can’t be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter the code.")},
    )
    username = forms.CharField(
        label=_("Username"),
        required=False,
        max_length=64,
        validators=Processor._meta.get_field("username").validators,
        help_text=_("Empty: PPIM_ and the code. It can’t be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=100,
        help_text=_("As staff read it: Core banking system. Empty: the code."),
    )
    field_order = ("system_id", "name", "username", *EDITED_FIELDS[1:], "reason")

    def clean_name(self) -> str:
        is_given = bool(self.cleaned_data["name"])
        return super().clean_name() if is_given else str(self.cleaned_data.get("system_id", ""))

    def clean_system_id(self) -> str:
        code = str(self.cleaned_data["system_id"])
        if Processor.objects.filter(system_id=code).exists():
            raise forms.ValidationError(_("Enter another code: a processor has this one."))
        return code

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        if Processor.objects.filter(username=username).exists():
            raise forms.ValidationError(_("Enter another username: a processor has this one."))
        return username

    @property
    def processor(self) -> NewProcessor:
        names = ("system_id", "username", *EDITED_FIELDS)
        return NewProcessor(**{name: self.cleaned_data[name] for name in names})


def read_terms(said: Mapping[str, Any]) -> Terms:
    """Read what a valid form says of a processor."""
    return Terms(**{name: said[name] for name in EDITED_FIELDS})


class PasswordForm(ReasonForm):
    """A new password, and how long the old one works beside it."""

    keep_days = forms.TypedChoiceField(
        label=_("The old password works"),
        coerce=int,
        initial=MOST_DAYS_KEPT,
        choices=[
            (7, _("7 more days")),
            (3, _("3 more days")),
            (1, _("1 more day")),
            (0, _("No longer: it is lost, or somebody has it")),
        ],
    )
    field_order = ("keep_days", "reason")

    def list_initial(self, _processor: Processor) -> dict[str, Any]:
        return {"keep_days": MOST_DAYS_KEPT}

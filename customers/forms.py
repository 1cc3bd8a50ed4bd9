"""Forms about customers for staff, read by the rules of the API's messages, with the same words
about what is wrong.
"""

import re
import secrets
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from customers import records
from customers.choices import DocumentKind, InstrumentStatus, Tier
from customers.details import CustomerDetails
from customers.models import Customer
from customers.schemas import AddCustomerIn, UpdateCustomerIn, read_details
from customers.services import kyc
from ppims.core import clock
from ppims.core.days import DayInput, write_wire_day
from ppims.core.errors import Refusal
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE, Processor
from ppims.wire.envelope import Message, spell_wire_name
from ppims.wire.request_fields import OptionalText, Pincode

M = TypeVar("M", bound=Message)

REF_ID = re.compile(r"STAFF-[0-9a-f]{24}")
# What an update must have, and staff don't give; nobody reads it.
OF_STAFF = {"Ref_Id": "STAFF", "System_Id": "STAFF", "Unique_Id": "1" * 15}
DEFAULT_CHANNEL = "BRN"
FILLED_IN = {
    "kyc_updated_channel": DEFAULT_CHANNEL,
    "customer_type": "N",
    "account_status": "A",
}
OF_A_PERSON = ("customer_name", "mobile_number", "date_of_birth", "ovid_type", "ovid_value")
FIRST_FIELDS = (
    *("system_id", "customer_name", "mobile_number", "date_of_birth"),
    *("customer_id", "account_number", "kyc_flag"),
)
MORE_FIELDS = (
    *("ovid_type", "ovid_value", "account_status", "kyc_updated_channel", "kyc_updated_on"),
    *("customer_type", "card_number", "card_exp_date", "card_status", "cif_id", "email_id"),
    *("address_line1", "address_line2", "city", "state", "pincode"),
)
REMOVABLE_FIELDS = (
    *("maiden_name", "email_id", "address_line1", "address_line2", "city", "state", "pincode"),
)
EMPTY_CHOICE = [("", "–")]
DATE_HINT = _("Day first: DD-MM-YYYY")
CHILD_YEARS = 10  # a younger customer is most likely a slip in typing the birth date


def make_text_field(label: Any, **more: Any) -> forms.CharField:
    """Make a line of text. The message that is read from it says whether it may be empty."""
    attrs = {"autocomplete": "off", **more.pop("attrs", {})}
    return forms.CharField(label=label, required=False, widget=forms.TextInput(attrs=attrs), **more)


def make_day_field(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=DayInput(), **more)


def make_choice_field(label: Any, choices: Any, **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=False, **more)


def draw_ref_id() -> str:
    """Draw the Ref_Id that comes with a form, so that a form sent twice adds once."""
    return f"STAFF-{secrets.token_hex(12)}"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class OnboardForm(forms.Form):
    """A new customer: seven fields for Min KYC, three that are filled in, and optional ones."""

    ref_id = forms.RegexField(
        REF_ID, required=False, initial=draw_ref_id, widget=forms.HiddenInput()
    )
    system_id = make_choice_field(_("Processor"), [])
    customer_name = make_text_field(_("Name"))
    mobile_number = make_text_field(_("Mobile number"), attrs={"inputmode": "tel"})
    date_of_birth = make_day_field(_("Date of birth"), help_text=DATE_HINT)
    customer_id = make_text_field(_("Customer_Id"), help_text=_("The processor’s own"))
    account_number = make_text_field(_("Account number"))
    kyc_flag = make_choice_field(
        _("KYC"),
        Tier,
        help_text=_("Full KYC waits for another person; until then it is Min KYC."),
    )
    ovid_type = make_choice_field(_("Document"), [*EMPTY_CHOICE, *DocumentKind.choices])
    ovid_value = make_text_field(_("Document number"), help_text=_("For Full KYC both are needed."))
    account_status = make_choice_field(_("Account status"), InstrumentStatus)
    kyc_updated_channel = make_text_field(_("KYC channel"))
    kyc_updated_on = make_text_field(
        _("KYC done on"), help_text=_("DD-MM-YYYY, with HH:MM if you like; empty: now")
    )
    customer_type = make_text_field(_("Customer type"))
    card_number = make_text_field(_("Card number"), attrs={"inputmode": "numeric"})
    card_exp_date = make_text_field(_("Card expires"))
    card_status = make_choice_field(_("Card status"), [*EMPTY_CHOICE, *InstrumentStatus.choices])
    cif_id = make_text_field(_("Cif_Id"))
    email_id = make_text_field(_("E-mail"))
    address_line1 = make_text_field(_("Address"))
    address_line2 = make_text_field(_("Address, second line"))
    city = make_text_field(_("City"))
    state = make_text_field(_("State"))
    pincode = make_text_field(_("Pincode"), attrs={"inputmode": "numeric"})
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={**FILLED_IN, "kyc_flag": Tier.MIN.value})
        active = Processor.objects.filter(state=Processor.State.ACTIVE).order_by("system_id")
        self.processors = {row.system_id: row for row in active}
        named = [(key, f"{row.name} ({key})") for key, row in self.processors.items()]
        processor = self.fields["system_id"]
        assert isinstance(processor, forms.ChoiceField)
        processor.choices = named if len(named) == 1 else [*EMPTY_CHOICE, *named]
        self.message: AddCustomerIn | None = None
        self.child_born: date | None = None

    @property
    def first_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in FIRST_FIELDS]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in MORE_FIELDS]

    @property
    def has_errors_in_more(self) -> bool:
        return any(name in self.errors for name in MORE_FIELDS)

    @property
    def processor(self) -> Processor | None:
        return self.processors.get(self.data.get("system_id", ""))

    def clean(self) -> dict[str, Any]:
        self.message = read(self, AddCustomerIn)
        self.child_born = warn_of_child(self, self.read_details().date_of_birth)
        return self.cleaned_data

    def read_details(self) -> CustomerDetails:
        """Return what is filled in; where something is wrong, what is right about the person."""
        if self.message is not None:
            return read_details(self.message)
        right = [name for name in OF_A_PERSON if name not in self.errors]
        said = {spell_wire_name(name): self.cleaned_data.get(name) or "" for name in right}
        try:
            return read_details(
                UpdateCustomerIn.model_validate({**OF_STAFF, **_write_as_sent(said)})
            )
        except ValidationError:
            return CustomerDetails()


class EditIn(UpdateCustomerIn):
    # What staff may change besides what a processor may.
    address_line1: OptionalText = None
    address_line2: OptionalText = None
    city: OptionalText = None
    state: OptionalText = None
    pincode: Pincode | None = None


class EditForm(forms.Form):
    """What is known of a customer, and the statuses of accounts and cards. A field that is left
    empty, or as it is, changes nothing; a tick removes what a customer can do without.
    """

    customer_name = make_text_field(_("Name"), show_hidden_initial=True)
    maiden_name = make_text_field(_("Maiden name"))
    mobile_number = make_text_field(_("Mobile number"), attrs={"inputmode": "tel"})
    date_of_birth = make_day_field(_("Date of birth"))
    email_id = make_text_field(_("E-mail"))
    address_line1 = make_text_field(_("Address"))
    address_line2 = make_text_field(_("Address, second line"))
    city = make_text_field(_("City"))
    state = make_text_field(_("State"))
    pincode = make_text_field(_("Pincode"), attrs={"inputmode": "numeric"})

    def __init__(self, customer: Customer, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"customer_name": customer.name})
        self.details = CustomerDetails()
        self.child_born: date | None = None
        self.fields["removed"] = forms.MultipleChoiceField(
            label=_("Remove"),
            required=False,
            choices=[
                (name, format_lazy("{}: {}", _("Remove"), self.base_fields[name].label))
                for name in REMOVABLE_FIELDS
                if getattr(customer, records.COLUMN_NAMES[name])
            ],
            widget=forms.CheckboxSelectMultiple,
        )
        self.accounts = self._ask_status(_("Account"), customer.accounts)
        self.cards = self._ask_status(_("Card"), customer.cards)
        self.fields["mobile_number"].help_text = _describe_on_record(customer.masked_mobile)
        self.fields["date_of_birth"].help_text = DATE_HINT

    @property
    def person_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.base_fields]

    @property
    def status_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in (*self.accounts, *self.cards)]

    def clean(self) -> dict[str, Any]:
        changed = set(self.changed_data) & self.base_fields.keys()
        said = {name: value for name, value in self.cleaned_data.items() if name in changed}
        if any(said.values()):
            message = read(self, EditIn, only=said)
            self.details = read_details(message) if message else CustomerDetails()
        self.child_born = warn_of_child(self, self.details.date_of_birth)
        removed: dict[str, Any] = dict.fromkeys(self.cleaned_data.get("removed", ()), "")
        for name in removed:
            if said.get(name):
                self.add_error(name, gettext("is given, and to be removed: choose one"))
        self.details = replace(self.details, **removed)
        return self.cleaned_data

    def list_changed_statuses(self, names: Mapping[str, int]) -> dict[int, str]:
        return {pk: self.cleaned_data[n] for n, pk in names.items() if n in self.changed_data}

    def _ask_status(self, label: Any, rows: Any) -> dict[str, int]:
        names = {}
        for row in rows.select_related("processor").order_by("pk"):
            name = f"{row._meta.model_name}_{row.pk}"
            names[name] = row.pk
            self.fields[name] = make_choice_field(
                f"{label} {row.masked} ({row.processor.system_id})",
                InstrumentStatus,
                initial=row.status,
                show_hidden_initial=True,
            )
        return names


class KycForm(forms.Form):
    """How well a customer is known from now on, and why. A tier that is left as shown stays."""

    kyc_flag = make_choice_field(_("KYC"), Tier, show_hidden_initial=True)
    kyc_updated_channel = make_text_field(_("KYC channel"))
    kyc_updated_on = make_text_field(
        _("KYC done on"), help_text=_("DD-MM-YYYY, with HH:MM if you like; empty: now")
    )
    ovid_type = make_choice_field(_("Document"), [*EMPTY_CHOICE, *DocumentKind.choices])
    ovid_value = make_text_field(_("Document number"))
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, customer: Customer, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            data, initial={"kyc_flag": customer.tier, "kyc_updated_channel": DEFAULT_CHANNEL}
        )
        self.customer = customer
        self.details = CustomerDetails()

    def clean(self) -> dict[str, Any]:
        message = read(self, UpdateCustomerIn)
        self.details = read_details(message) if message else CustomerDetails()
        if not set(self.changed_data) - {"reason"}:
            self.add_error(None, gettext("says nothing to change"))
        if "kyc_flag" not in self.changed_data:
            self.details = replace(self.details, kyc_flag=None)
        elif self._has_moved():
            return self.cleaned_data
        tier = self.details.kyc_flag
        is_proposal = tier is not None and kyc.needs_another(tier, before=self.customer.tier)
        if is_proposal and not self.cleaned_data.get("reason"):
            self.add_error("reason", gettext("is required"))
        return self.cleaned_data

    def _has_moved(self) -> bool:
        """Whether the tier has changed since it was shown. Says so once: who sends the form again
        means it.
        """
        shown, now = self["kyc_flag"].html_initial_name, Tier(self.customer.tier)
        if self.data.get(shown, now) == now:
            return False
        said = gettext("has changed meanwhile: it is %(tier)s now. Choose once more.")
        self.add_error("kyc_flag", said % {"tier": now.label})
        self.data = {**self.data, shown: now.value}
        return True


def read(form: forms.Form, kind: type[M], *, only: Mapping[str, Any] | None = None) -> M | None:
    """Read a form as the API reads a message. None, and errors in the form: something is wrong."""
    said = {spell_wire_name(name): value for name, value in (only or form.cleaned_data).items()}
    own = OF_STAFF if issubclass(kind, UpdateCustomerIn) else {}
    try:
        return kind.model_validate({**own, **_write_as_sent(said)})
    except ValidationError as error:
        ours = {field.alias: name for name, field in kind.model_fields.items()}
        for line in error.errors(include_url=False, include_input=False):
            add_error(form, ours.get(str(line["loc"][0]), ""), line["msg"])
        return None


def refuse(form: forms.Form, refusal: Refusal) -> None:
    for name, message in refusal.errors or [("", refusal.message)]:
        add_error(form, name, message)


def warn_of_child(form: forms.Form, born: date | None) -> date | None:
    """Ask to confirm a child's birth date, each date anew. Return it; None: it is no child's."""
    if born is None or born <= _subtract_years(CHILD_YEARS):
        return None
    if form.data.get("child_born") != born.isoformat():
        form.add_error(None, gettext("That is a child’s birth date: look below, then go on."))
    return born


def add_error(form: forms.Form, name: str, message: str) -> None:
    """Add an error to a field; to the whole form, where nobody sees such a field."""
    is_seen = name in form.fields and not form.fields[name].widget.is_hidden
    form.add_error(name if is_seen else None, gettext(message))


def _subtract_years(years: int) -> date:
    """Return this day so many years ago; for 29 February the 28th, where there was none."""
    today = clock.today()
    day = min(today.day, monthrange(today.year - years, today.month)[1])
    return today.replace(year=today.year - years, day=day)


def _write_as_sent(said: Mapping[str, Any]) -> dict[str, Any]:
    """Write dates as the wire does, however they were typed; a day without a time is midnight."""
    sent = dict(said)
    if "Date_Of_Birth" in sent:
        sent["Date_Of_Birth"] = write_wire_day(sent["Date_Of_Birth"])
    if sent.get("KYC_Updated_On"):
        sent["KYC_Updated_On"] = _write_instant(sent["KYC_Updated_On"].strip())
    return sent


def _write_instant(text: str) -> str:
    day, _space, time = text.rpartition(" ")
    if ":" not in time:
        day, time = text, "00:00:00"
    seconds = ":00" if time.count(":") == 1 else ""
    return f"{write_wire_day(day)} {time}{seconds}"


def _describe_on_record(masked: str) -> Any:
    return format_lazy("{} {}", _("On record:"), masked) if masked else _("None on record")

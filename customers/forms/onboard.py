"""The form by which staff add a customer."""

import re
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from customers.choices import InstrumentStatus, Tier
from customers.details import CustomerDetails
from customers.forms.fields import (
    DEFAULT_CHANNEL,
    EMPTY_CHOICE,
    make_choice_field,
    make_day_field,
    make_document_fields,
    make_kyc_done_fields,
    make_mobile_field,
    make_text_field,
)
from customers.forms.reading import OF_STAFF, read, warn_of_child, write_as_sent
from customers.schemas import AddCustomerIn, UpdateCustomerIn, read_details
from ppims.models import Processor
from ppims.wire.envelope import spell_wire_name

REF_ID = re.compile(r"STAFF-[0-9a-f]{24}")
FILLED_IN = {
    "kyc_flag": Tier.MIN.value,
    "kyc_updated_channel": DEFAULT_CHANNEL,
    "customer_type": "N",
    "account_status": InstrumentStatus.ACTIVE.value,
}
PERSON_FIELDS = ("customer_name", "mobile_number", "date_of_birth", "kyc_flag")
DOCUMENT_FIELDS = ("ovid_type", "ovid_value")
OF_A_PERSON = ("customer_name", "mobile_number", "date_of_birth", *DOCUMENT_FIELDS)
PROCESSOR_FIELDS = ("system_id", "customer_id", "account_number", "cif_id")
MORE_FIELDS = (
    *("kyc_updated_channel", "kyc_updated_on", "account_status", "customer_type", "nri_flag"),
    *("card_number", "card_exp_date", "card_status", "email_id"),
    *("address_line1", "address_line2", "city", "state", "pincode"),
)
YES_OR_NO = [("Y", _("Yes")), ("N", _("No"))]


def draw_ref_id() -> str:
    """Draw the Ref_Id that comes with a form, so that a form sent twice adds once."""
    return f"STAFF-{secrets.token_hex(12)}"


class OnboardForm(forms.Form):
    """A new customer: who it is and how well known, a document, through which processor, and what
    is filled in or may stay empty.
    """

    marks_required = True

    ref_id = forms.RegexField(
        REF_ID, required=False, initial=draw_ref_id, widget=forms.HiddenInput()
    )
    customer_name = make_text_field("customer_name", _("Name"), required=True)
    mobile_number = make_mobile_field(required=True)
    date_of_birth = make_day_field("date_of_birth", _("Date of birth"), required=True)
    kyc_flag = make_choice_field("kyc_flag", _("KYC"), Tier)
    ovid_type, ovid_value = make_document_fields()
    system_id = make_choice_field("system_id", _("Processor"), [], required=True)
    customer_id = make_text_field(
        "customer_id", _("Customer id"), required=True, help_text=_("The processor’s own")
    )
    account_number = make_text_field("account_number", _("Account number"), required=True)
    cif_id = make_text_field("cif_id", _("CIF id"))
    kyc_updated_channel, kyc_updated_on = make_kyc_done_fields()
    account_status = make_choice_field("account_status", _("Account status"), InstrumentStatus)
    customer_type = make_text_field("customer_type", _("Customer type"))
    nri_flag = make_choice_field("nri_flag", _("NRI"), [*EMPTY_CHOICE, *YES_OR_NO])
    card_number = make_text_field("card_number", _("Card number"), attrs={"inputmode": "numeric"})
    card_exp_date = make_text_field("card_exp_date", _("Card expires"))
    card_status = make_choice_field(
        "card_status", _("Card status"), [*EMPTY_CHOICE, *InstrumentStatus.choices]
    )
    email_id = make_text_field("email_id", _("E-mail"))
    address_line1 = make_text_field("address_line1", _("Address"))
    address_line2 = make_text_field("address_line2", _("Address, second line"))
    city = make_text_field("city", _("City"))
    state = make_text_field("state", _("State"))
    pincode = make_text_field("pincode", _("Pincode"), attrs={"inputmode": "numeric"})
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: Mapping[str, Any] | None = None, *, remembered: object = None) -> None:
        """Ask for a customer. `remembered` is the key of the processor that was chosen last."""
        super().__init__(data, initial=dict(FILLED_IN))
        active = Processor.objects.filter(state=Processor.State.ACTIVE).order_by("system_id")
        self.processors = {row.system_id: row for row in active}
        named = [(key, f"{row.name} ({key})") for key, row in self.processors.items()]
        processor = self.fields["system_id"]
        assert isinstance(processor, forms.ChoiceField)
        processor.choices = named if len(named) == 1 else [*EMPTY_CHOICE, *named]
        last = [key for key, row in self.processors.items() if row.pk == remembered]
        self.initial["system_id"] = next(iter(last), "")
        self.message: AddCustomerIn | None = None
        self.child_born: date | None = None

    @property
    def person_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in PERSON_FIELDS]

    @property
    def document_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in DOCUMENT_FIELDS]

    @property
    def processor_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in PROCESSOR_FIELDS]

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
                UpdateCustomerIn.model_validate({**OF_STAFF, **write_as_sent(said)})
            )
        except ValidationError:
            return CustomerDetails()

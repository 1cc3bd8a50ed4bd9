"""The form by which staff change what is known of a customer."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from django import forms
from django.forms.boundfield import BoundWidget
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers import people, records
from customers.choices import InstrumentStatus
from customers.details import CustomerDetails
from customers.forms.fields import (
    describe_on_record,
    make_choice_field,
    make_day_field,
    make_mobile_field,
    make_text_field,
)
from customers.forms.reading import read, warn_of_child
from customers.models import Account, Card, Customer
from customers.schemas import UpdateCustomerIn, read_details
from ppims.core.formats import HIDDEN_TEXT, mask_day, mask_email
from ppims.wire.request_fields import OptionalText, Pincode

REMOVABLE_FIELDS = (
    *("maiden_name", "email_id", "address_line1", "address_line2", "city", "state", "pincode"),
)


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

    customer_name = make_text_field("customer_name", _("Name"), show_hidden_initial=True)
    maiden_name = make_text_field("maiden_name", _("Maiden name"))
    mobile_number = make_mobile_field()
    date_of_birth = make_day_field("date_of_birth", _("Date of birth"))
    email_id = make_text_field("email_id", _("E-mail"))
    address_line1 = make_text_field("address_line1", _("Address"))
    address_line2 = make_text_field("address_line2", _("Address, second line"))
    city = make_text_field("city", _("City"))
    state = make_text_field("state", _("State"))
    pincode = make_text_field("pincode", _("Pincode"), attrs={"inputmode": "numeric"})

    def __init__(self, customer: Customer, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"customer_name": customer.name})
        self.details = CustomerDetails()
        self.child_born: date | None = None
        self.fields["removed"] = forms.MultipleChoiceField(
            label=_("Remove"),
            required=False,
            choices=[
                (name, self.base_fields[name].label)
                for name in REMOVABLE_FIELDS
                if getattr(customer, records.COLUMN_NAMES[name])
            ],
            widget=forms.CheckboxSelectMultiple,
        )
        ids = people.list_ids(customer)
        self.accounts = self._ask_status(_("Account"), Account.objects.filter(customer_id__in=ids))
        self.cards = self._ask_status(_("Card"), Card.objects.filter(customer_id__in=ids))
        for name, masked in mask_record(customer).items():
            self.fields[name].help_text = describe_on_record(masked) if masked else ""

    @property
    def person_fields(self) -> Iterator[tuple[forms.BoundField, BoundWidget | None]]:
        """Yield each field of the person, with the box that removes what is on record, if any."""
        boxes = {box.data["value"]: box for box in self["removed"]}
        yield from ((self[name], boxes.get(name)) for name in self.base_fields)

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
                self.add_error(
                    name, gettext("Leave this empty, or don’t remove what is on record.")
                )
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
                name,
                f"{label} {row.masked} ({row.processor.system_id})",
                InstrumentStatus,
                initial=row.status,
                show_hidden_initial=True,
            )
        return names


def mask_record(customer: Customer) -> dict[str, str]:
    """Write what is on record under each field that doesn't show it itself, as the customer's page
    does.
    """
    hidden = ("maiden_name", "address_line1", "address_line2", "pincode")
    return {
        **{name: HIDDEN_TEXT if getattr(customer, name) else "" for name in hidden},
        "mobile_number": customer.masked_mobile,
        "date_of_birth": mask_day(customer.date_of_birth),
        "email_id": mask_email(customer.email),
        "city": customer.city,
        "state": customer.state,
    }

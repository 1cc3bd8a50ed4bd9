"""The form by which staff change how well a customer is known."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.details import CustomerDetails
from customers.forms.fields import (
    DEFAULT_CHANNEL,
    describe_on_record,
    make_choice_field,
    make_document_fields,
    make_kyc_done_fields,
    make_reason_field,
)
from customers.forms.reading import add_error, read
from customers.models import Customer
from customers.schemas import UpdateCustomerIn, read_details
from customers.services import kyc


class KycForm(forms.Form):
    """How well a customer is known from now on, and why. A tier that is left as shown stays."""

    kyc_flag = make_choice_field("kyc_flag", _("KYC"), Tier, show_hidden_initial=True)
    kyc_updated_channel, kyc_updated_on = make_kyc_done_fields()
    ovid_type, ovid_value = make_document_fields()
    reason = make_reason_field(required=False)

    def __init__(self, customer: Customer, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            data, initial={"kyc_flag": customer.tier, "kyc_updated_channel": DEFAULT_CHANNEL}
        )
        self.customer = customer
        self.details = CustomerDetails()
        self.fields["ovid_value"].help_text = describe_on_record(_write_documents(customer))

    def clean(self) -> dict[str, Any]:
        message = read(self, UpdateCustomerIn)
        self.details = read_details(message) if message else CustomerDetails()
        if not set(self.changed_data) - {"reason"}:
            add_error(self, "", "says nothing to change")
        if "kyc_flag" not in self.changed_data:
            self.details = replace(self.details, kyc_flag=None)
        elif self._has_moved():
            return self.cleaned_data
        tier = self.details.kyc_flag
        is_proposal = tier is not None and kyc.needs_another(tier, before=self.customer.tier)
        if is_proposal and not self.cleaned_data.get("reason"):
            add_error(self, "reason", "is required")
        return self.cleaned_data

    def _has_moved(self) -> bool:
        """Whether the tier has changed since it was shown. Says so once: who sends the form again
        means it.
        """
        shown, now = self["kyc_flag"].html_initial_name, Tier(self.customer.tier)
        if self.data.get(shown, now) == now:
            return False
        said = gettext("The KYC has changed meanwhile: it is %(tier)s now. Choose once more.")
        self.add_error("kyc_flag", said % {"tier": now.label})
        self.data = {**self.data, shown: now.value}
        return True


def _write_documents(customer: Customer) -> str:
    on_record: Iterable[Any] = customer.documents.filter(replaced_at__isnull=True).order_by("kind")
    return ", ".join(map(str, on_record))

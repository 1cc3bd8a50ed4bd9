"""Who a customer is, as a page tells it: masked, or for once revealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from customers.models import Account, Card, Customer, Document, Registration
from ppims.backoffice import labels
from ppims.backoffice.transaction_rows import name_actor
from ppims.core.formats import HIDDEN_TEXT, ist, ist_date, mask, mask_day, mask_email
from ppims.models import AuditEntry, Processor

Fact = tuple[str, str]


@dataclass(frozen=True)
class Through:
    """A processor that knows the customer: since when, and by which numbers: what each is, the
    number, and of an account or a card how it is there. `merged_id` is the Unique_Id by which it
    does, where that was merged into the customer's.
    """

    processor: Processor
    since: datetime
    numbers: Sequence[tuple[str, str, str]] = field(repr=False)
    merged_id: int | None = None


@dataclass(frozen=True)
class Person:
    """All that tells who a customer is."""

    customer: Customer
    documents: Sequence[Document]
    registrations: Sequence[Registration]
    accounts: Sequence[Account]
    cards: Sequence[Card]
    is_revealed: bool = False
    added_by: str = ""
    merged: Sequence[Customer] = ()

    def list_facts(self) -> list[Fact]:
        customer, shown = self.customer, self.is_revealed
        born, at = customer.date_of_birth, ist(customer.created_at)
        added = _("%(time)s, by %(who)s") % {"time": at, "who": self.added_by}
        found = [
            *(
                (_("Mobile"), each.mobile if shown else each.masked_mobile)
                for each in (customer, *self.merged)
            ),
            (_("Date of birth"), ist_date(born) if shown else mask_day(born)),
            *(
                (str(d.get_kind_display()), d.reveal() if shown else d.masked)
                for d in self.documents
            ),
            (_("Email"), customer.email if shown else mask_email(customer.email)),
            (_("Address"), self._write_address()),
            (_("Maiden name"), self._hide(customer.maiden_name)),
            (_("NRI"), labels.name_yes_or_no(customer.nri_flag)),
            (_("KYC since"), ist_date(customer.tier_since)),
            (_("KYC updated"), ist(customer.kyc_updated_on)),
            (_("KYC channel"), labels.name_channel(customer.kyc_updated_channel)),
            (_("Added"), added if self.added_by else at),
        ]
        return [(label, value) for label, value in found if value]

    def list_processors(self) -> list[Through]:
        """List the processors, the first one first, each with the accounts and cards there."""
        return [
            Through(
                each.processor,
                each.registered_at,
                self._list_numbers(each),
                each.customer_id if each.customer_id != self.customer.pk else None,
            )
            for each in self.registrations
        ]

    def _list_numbers(self, registration: Registration) -> list[tuple[str, str, str]]:
        there = (registration.processor_id, registration.customer_id)
        ids = (
            (_("Customer id"), self._mask_last_four(registration.customer_ref), ""),
            (_("CIF id"), self._mask_last_four(registration.cif_id), ""),
        )
        return [
            *(each for each in ids if each[1]),
            *(
                (_("Account"), self._mask_last_four(each.number), each.get_status_display())
                for each in self.accounts
                if (each.processor_id, each.customer_id) == there
            ),
            *(
                (_("Card"), f"{HIDDEN_TEXT}{each.last_four}", each.get_status_display())
                for each in self.cards
                if (each.processor_id, each.customer_id) == there
            ),
        ]

    def _write_address(self) -> str:
        customer = self.customer
        # Two masked lines are told as one.
        lines = dict.fromkeys(map(self._hide, (customer.address_line1, customer.address_line2)))
        parts = [*lines, customer.city, customer.state, self._hide(customer.pincode)]
        return ", ".join(part for part in parts if part)

    def _hide(self, value: str) -> str:
        return value if self.is_revealed or not value else HIDDEN_TEXT

    def _mask_last_four(self, number: str) -> str:
        return number if self.is_revealed else mask(number, shown=4)


def read_person(customer: Customer, ids: Sequence[int], *, is_revealed: bool = False) -> Person:
    """Read who a customer is, by all of its ids: five queries; one more where there are several."""
    of_person = {"customer_id__in": ids}
    others = [each for each in ids if each != customer.pk]
    documents = Document.objects.filter(replaced_at__isnull=True, **of_person)
    registrations = Registration.objects.filter(**of_person).select_related("processor")
    return Person(
        customer,
        list(documents.order_by("kind", "pk")),
        list(registrations.order_by("registered_at", "pk")),
        list(Account.objects.filter(**of_person).order_by("pk")),
        list(Card.objects.filter(**of_person).order_by("pk")),
        is_revealed,
        _name_who_added(customer),
        list(Customer.objects.filter(pk__in=others).order_by("created_at")) if others else [],
    )


def _name_who_added(customer: Customer) -> str:
    """Name who on-boarded a customer, by the first entry about them: "farhan, for ENT"."""
    entries = AuditEntry.objects.filter(subject=customer.pk, number=1, action="customer added")
    names = entries.values_list("user__username", "processor__system_id")
    return next((name_actor(user or "", system_id or "") for user, system_id in names), "")

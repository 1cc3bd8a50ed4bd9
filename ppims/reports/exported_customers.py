"""Customers as a file has them: who they are, how well they are known, and through whom; masked as
pages are, but for a file that is asked for unmasked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Card, Customer, Document, Registration
from ppims.core.formats import HIDDEN_TEXT, mask, mask_day, mask_email
from ppims.models import Processor

ROWS_AT_ONCE = 500  # as many are in memory at a time
Row = dict[str, Any]

COLUMN_HEADS: Mapping[str, object] = {
    "unique_id": _("Unique id"),
    "name": _("Name"),
    "mobile": _("Mobile"),
    "date_of_birth": _("Date of birth"),
    "email": _("Email"),
    "address": _("Address"),
    "kyc": _("KYC"),
    "kyc_since": _("KYC since"),
    "kyc_updated": _("KYC updated"),
    "kyc_channel": _("KYC channel"),
    "status": _("Status"),
    "added": _("Added"),
    "merged_into": _("Merged into"),
    "documents": _("Documents"),
    "registrations": _("Known through"),
    "accounts": _("Accounts"),
    "cards": _("Cards"),
}


def list_every_customer() -> Iterator[list[int]]:
    """List all there are by Unique_Id, the merged ones too, some hundred at a time."""
    last = 0
    while ids := list(
        Customer.objects.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", flat=True)[:ROWS_AT_ONCE]
    ):
        yield ids
        last = ids[-1]


def read_rows(ids: Sequence[int], *, is_unmasked: bool = False) -> list[Row]:
    """Read customers in the order of these ids, by six queries; one may be named several times."""
    system_ids = dict(Processor.objects.values_list("pk", "system_id"))
    hide = _Hiding(is_shown=is_unmasked)
    whose = {"customer_id__in": set(ids)}
    documents = _group(Document.objects.filter(replaced_at__isnull=True, **whose).order_by("kind"))
    registrations = _group(Registration.objects.filter(**whose).order_by("registered_at", "pk"))
    accounts = _group(Account.objects.filter(**whose).order_by("pk"))
    cards = _group(Card.objects.filter(**whose).order_by("pk"))
    rows = {
        pk: {
            **hide.write_person(customer),
            "documents": [
                {"kind": d.kind, "number": d.reveal() if is_unmasked else d.masked}
                for d in documents[pk]
            ],
            "registrations": [
                {
                    "processor": system_ids[each.processor_id],
                    "customer_id": hide.mask_number(each.customer_ref),
                    "cif_id": hide.mask_number(each.cif_id),
                }
                for each in registrations[pk]
            ],
            "accounts": [
                {
                    "processor": system_ids[each.processor_id],
                    "number": hide.mask_number(each.number),
                    "status": each.status,
                }
                for each in accounts[pk]
            ],
            "cards": [
                {
                    "processor": system_ids[each.processor_id],
                    "number": each.masked,
                    "status": each.status,
                }
                for each in cards[pk]
            ],
        }
        for pk, customer in Customer.objects.in_bulk(list(set(ids))).items()
    }
    return [rows[each] for each in ids if each in rows]


class _Hiding:
    """Writes what is personal, masked as pages are, or shown."""

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown

    def write_person(self, customer: Customer) -> Row:
        """Write the columns that the customer's own row has."""
        born, merged = customer.date_of_birth, customer.survivor_id
        return {
            "unique_id": customer.pk,
            "name": customer.name,
            "mobile": customer.mobile if self.is_shown else customer.masked_mobile,
            "date_of_birth": born if self.is_shown else mask_day(born),
            "email": customer.email if self.is_shown else mask_email(customer.email),
            "address": self._write_address(customer),
            "kyc": customer.tier,
            "kyc_since": customer.tier_since,
            "kyc_updated": customer.kyc_updated_on,
            "kyc_channel": customer.kyc_updated_channel,
            "status": customer.status,
            "added": customer.created_at,
            "merged_into": None if merged == customer.pk else merged,
        }

    def mask_number(self, number: str) -> str:
        return number if self.is_shown else mask(number, shown=4)

    def _write_address(self, customer: Customer) -> str:
        lines = dict.fromkeys(map(self._hide, (customer.address_line1, customer.address_line2)))
        parts = [*lines, customer.city, customer.state, self._hide(customer.pincode)]
        return ", ".join(part for part in parts if part)

    def _hide(self, value: str) -> str:
        return value if self.is_shown or not value else HIDDEN_TEXT


def _group(found: QuerySet[Any]) -> Mapping[int, list[Any]]:
    """Group rows by whose they are."""
    groups: defaultdict[int, list[Any]] = defaultdict(list)
    for row in found:
        groups[row.customer_id].append(row)
    return groups

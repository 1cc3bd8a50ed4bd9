"""What a change of a customer makes of the rows: of each id of the person, and who is told of it in
the audit. docs/ledger.md, "Merges".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Model

from customers import people, records
from customers.choices import MOBILE_KIND, Tier
from customers.details import CustomerDetails
from customers.models import Account, Card, Customer, Registration, name_words
from ppims.db.owned_rows import save_columns
from ppims.models import Processor

CHANGED_COLUMNS = [
    *records.COLUMN_NAMES.values(),
    *("mobile", "tier", "tier_since", "kyc_updated_channel", "kyc_updated_on"),
]


@dataclass
class Change:
    """What changed of one id's rows: for the audit, and those that are new or changed."""

    changes: dict[str, object] = field(default_factory=dict)
    rows: list[Model] = field(default_factory=list)

    def note(self, name: str, said: object, rows: Iterable[Model]) -> None:
        self.changes[name] = said
        self.rows += rows


class Changes(dict[int, Change]):
    """What changed, by the id whose rows those are."""

    def __missing__(self, unique_id: int) -> Change:
        self[unique_id] = Change()
        return self[unique_id]


def apply_details(
    details: CustomerDetails,
    *,
    way: Sequence[Customer],
    processor: Processor,
    registration: Registration,
    at: datetime,
) -> Changes:
    """Change the rows of a person by one of the ids. `way` leads from the id that is named to the
    one that it means now, all locked; they are one row, of who was never merged.

    Name, birth date and KYC are changed on the whole way: they are the person's, and stay the
    named one's if it is un-merged. A mobile number and a document are the named one's. Accounts and
    cards are of the id by which the processor knows the person.

    The audit has a value's "from" and "to", but of documents and cards only that they changed.
    """
    changed, named, ids = Changes(), way[0], people.list_ids(way[-1])
    for customer in way:
        _change_customer(details, customer, named, changed, ids, processor=processor, at=at)
    documents = records.record_document(details, customer=named, ids=ids, at=at)
    if documents:
        changed[named.pk].note("document", details.ovid_type, documents)
    known_as = changed[registration.customer_id]
    owner = registration.customer
    account = records.record_account(details, customer=owner, processor=processor)
    card = records.record_card(details, customer=owner, processor=processor)
    for name, row in (("account", account), ("card", card)):
        if row:
            known_as.note(name, True, [row])
    _change_cif_id(details, registration, known_as)
    return changed


def set_statuses(
    model: type[Account | Card], ids: Iterable[int], statuses: Mapping[int, str], changed: Changes
) -> None:
    """Set the statuses of a person's accounts or cards, by the rows' keys: (number, from, to) is
    noted of each that changes.
    """
    name = f"{model._meta.model_name}s"
    rows = model._base_manager.filter(customer_id__in=ids, pk__in=statuses)
    for row in rows.order_by("customer_id", "pk"):
        before = row.status
        if records.set_status(row, statuses[row.pk]):
            theirs = changed[row.customer_id]
            said = theirs.changes.setdefault(name, [])
            assert isinstance(said, list)
            said.append([row.masked, before, row.status])
            theirs.rows.append(row)


def _change_customer(
    details: CustomerDetails,
    customer: Customer,
    named: Customer,
    changed: Changes,
    ids: Sequence[int],
    *,
    processor: Processor,
    at: datetime,
) -> None:
    """Change one row of the way, where anything of it is new."""
    is_named = customer is named
    changes, before = change_columns(details, customer), customer.tier
    if is_named:
        _change_mobile(details.mobile_number, customer, ids, changes)
    change = None
    if not _is_lower(details, customer):
        change = records.change_kyc(
            details,
            customer=customer,
            processor=processor,
            user=None,
            at=at,
            named_id=None if is_named else named.pk,
        )
    if change:
        changes["kyc_flag"] = [before, customer.tier]
    if changes:
        customer.save(update_fields=CHANGED_COLUMNS)
        changed[customer.pk].changes |= changes
        changed[customer.pk].rows += [row for row in (change, customer) if row]


def _is_lower(details: CustomerDetails, customer: Customer) -> bool:
    """Return whether a merged id has a higher KYC of its own than the person has: it keeps it."""
    return Tier(details.kyc_flag or customer.tier).rank < Tier(customer.tier).rank


def _change_mobile(
    mobile: str | None, customer: Customer, ids: Sequence[int], changes: dict[str, object]
) -> None:
    if not mobile or mobile == customer.mobile:
        return
    if len(ids) > 1 and records.find_holder(MOBILE_KIND, mobile) in ids:
        return  # it finds this person already, by another id
    changes["mobile_number"] = [customer.mobile, mobile]
    records.forget(customer, MOBILE_KIND)
    records.identify(customer, MOBILE_KIND, mobile)
    customer.mobile = mobile


def _change_cif_id(details: CustomerDetails, registration: Registration, known_as: Change) -> None:
    if not details.cif_id or details.cif_id == registration.cif_id:
        return
    theirs = Registration.objects.filter(customer_id=registration.customer_id)
    whole = theirs.get(pk=registration.pk)  # the audit proves all its columns
    whole.cif_id = details.cif_id
    save_columns(whole, ["cif_id"])
    known_as.note("cif_id", [registration.cif_id, details.cif_id], [whole])


def change_columns(details: CustomerDetails, customer: Customer) -> dict[str, object]:
    """Set what is said of a customer, unsaved; and what the name is found by. Return what changed,
    from and to.
    """
    changes: dict[str, object] = {}
    for name, column in records.COLUMN_NAMES.items():
        before, after = getattr(customer, column), getattr(details, name)
        if after not in {None, before}:
            changes[name] = [str(before), str(after)]
            setattr(customer, column, after)
            if name == "customer_name":
                name_words.learn(customer.pk, after, before=before)
    return changes

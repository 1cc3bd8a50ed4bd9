"""What of a survivor's values is its own, and what came by the ids that were merged into it: an
un-merge gives each back its own. docs/ledger.md, "Merges".
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from customers import records
from customers.choices import Tier
from customers.models import Customer, KycChange, Merge, name_words
from ppims.models import AuditEntry, FourEyes
from ppims.services import audit

STATUS_ACTIONS = ("customer blocked", "unblocking approved")


class Kyc(NamedTuple):
    """A KYC with its dates; `named_id` is whose it is, where it is another id's."""

    tier: str
    tier_since: datetime
    channel: str
    updated_on: datetime
    named_id: int | None = None


def read_kyc(customer: Customer, *, named_id: int | None = None) -> Kyc:
    """Read the KYC that a customer has."""
    dates = (customer.kyc_updated_channel, customer.kyc_updated_on)
    return Kyc(customer.tier, customer.tier_since, *dates, named_id)


def find_kyc(customer: Customer, ids: Collection[int], stays: Sequence[Customer]) -> Kyc | None:
    """Find the KYC that a survivor would have now, had nobody been merged into it but who stays:
    these, with these ids in all. None: the one that it has.
    """
    own = [
        c for c in customer.kyc_changes.order_by("pk") if c.named_id is None or c.named_id in ids
    ]
    happened: list[tuple[datetime, Customer | KycChange]] = [(each.at, each) for each in own]
    joined = ((_find_joining(customer, each), each) for each in stays)
    happened += [(at, each) for at, each in joined if at]
    kyc: Kyc | None = None
    for _, each in sorted(happened, key=itemgetter(0)):
        kyc = _go_on(kyc, each)
    return None if kyc is None or kyc[:4] == read_kyc(customer)[:4] else kyc


def _go_on(kyc: Kyc | None, each: Customer | KycChange) -> Kyc:
    """Return the KYC after a change, or after another customer was merged into this one."""
    if isinstance(each, Customer):
        is_higher = kyc is None or Tier(each.tier).rank > Tier(kyc.tier).rank
        return read_kyc(each, named_id=each.pk) if kyc is None or is_higher else kyc
    if kyc is None or each.from_tier != each.to_tier:
        return Kyc(each.to_tier, each.tier_since, each.channel, each.updated_on, each.named_id)
    return kyc._replace(channel=each.channel, updated_on=each.updated_on)


def _find_joining(customer: Customer, merged: Customer) -> datetime | None:
    """Find when one was merged into another the last time."""
    merges = Merge.objects.filter(
        customer=customer, merged_id=merged.pk, kind=Merge.Kind.MERGE, state=FourEyes.State.APPROVED
    )
    last = merges.order_by("-pk").first()
    return last.decided_at if last else None


def is_blocked_by_merge(customer: Customer) -> bool:
    """Return whether a customer is blocked because one who was merged into it was, and nobody has
    blocked or unblocked the person since.
    """
    if not customer.is_blocked:
        return False
    blocking = Merge.objects.filter(
        customer=customer, state=FourEyes.State.APPROVED, has_blocked=True
    )
    last = blocking.order_by("-pk").first()
    if last is None or last.decided_at is None:
        return False
    own = AuditEntry.objects.filter(
        subject=customer.pk, action__in=STATUS_ACTIONS, at__gt=last.decided_at
    )
    return not own.exists()


def restore_columns(customer: Customer, ids: Collection[int]) -> list[str]:
    """Put back, unsaved, what a survivor was called, when born and where living, before other ids
    than these changed it, who leave or have left: as the audit tells. What was changed since by one
    of these, or by no other id, stays. Return the names of the columns.
    """
    own: dict[str, str] = {}
    entries = AuditEntry.objects.filter(subject=customer.pk, action="customer updated")
    for entry in entries.order_by("number").iterator():
        detail = audit.read_detail(entry)
        changes: dict[str, Any] = detail.get("changes", {})
        for name in changes.keys() & records.COLUMN_NAMES.keys():
            if detail.get("named", customer.pk) in ids:
                own.pop(name, None)
            else:
                own.setdefault(name, changes[name][0])
    for name, before in own.items():
        _restore_column(customer, name, before)
    return [records.COLUMN_NAMES[name] for name in own]


def _restore_column(customer: Customer, name: str, before: str) -> None:
    column = records.COLUMN_NAMES[name]
    if name == "customer_name":
        name_words.learn(customer.pk, before, before=customer.name)
    setattr(customer, column, date.fromisoformat(before) if name == "date_of_birth" else before)

"""KYC as staff change it: Min and New Min at once; Full, and whatever is lower, by two people."""

from dataclasses import replace
from datetime import datetime

from django.db.models import Model

from customers import conflicts, people, records, survivors
from customers.choices import Tier
from customers.details import CustomerDetails
from customers.models import Customer, KycProposal
from customers.services import reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import User
from ppims.services import audit
from ppims.services.four_eyes import Proposals, require_none_open

KYC_COLUMNS = {
    "kyc_flag": "tier",
    "kyc_updated_channel": "kyc_updated_channel",
    "kyc_updated_on": "kyc_updated_on",
}
AT_FIRST = "On-boarded at Full KYC"


def needs_another(tier: str, *, before: str) -> bool:
    """Whether a tier that staff give needs another person's approval."""
    rank = Tier(tier).rank - Tier(before).rank
    return rank < 0 or (rank > 0 and tier == Tier.FULL)


def change(
    *, customer_id: int, details: CustomerDetails, reason: str, user: User
) -> KycProposal | None:
    """Change tier, channel, date or a document, or propose it. Return the proposal, if it is one.

    Raises UnknownCustomer, Malformed (Full KYC without a document, a proposal without a reason,
    nothing to change) or Conflict.
    """
    root = survivors.find_root(customer_id)
    processor = records.find_first_registration(root).processor

    def work() -> KycProposal | None:
        customer = people.lock_person(customer_id)
        at = clock.now()
        conflicts.require_valid_document(details)
        conflicts.require_document_for_full_kyc(details, people.list_ids(customer))
        conflicts.require_no_conflict(details, customer, may_lower=True)
        if needs_another(details.kyc_flag or customer.tier, before=customer.tier):
            return propose(details, customer=customer, reason=reason, user=user, at=at)
        changes, rows = _apply(details, customer=customer, user=user, at=at)
        if not changes:
            raise Malformed([("", "says nothing to change")])
        detail: dict[str, object] = {"changes": changes}
        if reason.strip():
            detail["reason"] = conflicts.require_reason(reason)
        audit.record(
            "customer updated", at=at, subject=customer.pk, user=user, detail=detail, rows=rows
        )
        return None

    return reviews.keep_doubts(work, details, processor=processor)


def lower_until_approved(details: CustomerDetails, user: User | None) -> CustomerDetails:
    """Return what may be recorded at once: Full KYC by staff becomes Min KYC."""
    if user is None or details.kyc_flag != Tier.FULL:
        return details
    return replace(details, kyc_flag=Tier.MIN.value)


def propose_at_first(
    details: CustomerDetails, *, customer: Customer, user: User, at: datetime
) -> None:
    """Propose Full KYC for a customer whom staff on-board at it; the document is on record."""
    if details.kyc_flag == Tier.FULL:
        details = replace(details, ovid_type=None, ovid_value=None)
        propose(details, customer=customer, reason=AT_FIRST, user=user, at=at)


def propose(
    details: CustomerDetails, *, customer: Customer, reason: str, user: User, at: datetime
) -> KycProposal:
    """Propose a tier, inside a transaction. Raises Conflict where a proposal is open already."""
    require_none_open(customer.kyc_proposals, "kyc_flag")
    assert details.kyc_flag
    proposal = KycProposal(
        customer=customer,
        from_tier=customer.tier,
        from_channel=customer.kyc_updated_channel,
        from_updated_on=customer.kyc_updated_on,
        documents=_list_documents(customer),
        to_tier=details.kyc_flag,
        channel=details.kyc_updated_channel or customer.kyc_updated_channel,
        updated_on=details.kyc_updated_on,
        reason=conflicts.require_reason(reason),
        maker=user,
        proposed_at=at,
    )
    if details.document:
        proposal.seal(*details.document)
    return KYC_PROPOSALS.keep(proposal)


def has_moved(proposal: KycProposal, customer: Customer) -> bool:
    """Whether tier, channel, date or documents have changed since it was proposed, or the customer
    was merged into another.
    """
    if customer.survivor_id not in {None, customer.pk}:
        return True
    ground = (proposal.from_tier, proposal.from_channel, proposal.from_updated_on)
    now = (customer.tier, customer.kyc_updated_channel, customer.kyc_updated_on)
    return (*now, _list_documents(customer)) != (*ground, proposal.documents)


def _carry_out(proposal: KycProposal, customer: Customer, at: datetime) -> list[Model]:
    """Do what was proposed. Return the rows that are new or changed."""
    if has_moved(proposal, customer):
        raise Conflict([("", "what it stands on has changed since")])
    kind, number = proposal.read_document() or (None, None)
    details = CustomerDetails(
        kyc_flag=proposal.to_tier,
        kyc_updated_channel=proposal.channel,
        kyc_updated_on=proposal.updated_on,
        ovid_type=kind,
        ovid_value=number,
    )
    conflicts.require_no_conflict(details, customer, may_lower=True)
    assert proposal.maker
    _, rows = _apply(details, customer=customer, user=proposal.maker, at=at)
    return rows


def _apply(
    details: CustomerDetails, *, customer: Customer, user: User, at: datetime
) -> tuple[dict[str, object], list[Model]]:
    """Make the changes. Return what changed, for the audit, and the rows that are new or changed.

    The audit has a value's "from" and "to", but of a document only that it changed.
    """
    before = {name: str(getattr(customer, column)) for name, column in KYC_COLUMNS.items()}
    changes: dict[str, object] = {}
    change = records.change_kyc(details, customer=customer, processor=None, user=user, at=at)
    rows: list[Model] = [change, customer] if change else []
    if change:
        customer.save(update_fields=[*KYC_COLUMNS.values(), "tier_since"])
        now = {name: str(getattr(customer, column)) for name, column in KYC_COLUMNS.items()}
        changes = {n: [before[n], now[n]] for n in KYC_COLUMNS if before[n] != now[n]}
    ids = people.list_ids(customer)
    documents = records.record_document(details, customer=customer, ids=ids, at=at)
    if documents:
        changes["document"] = details.ovid_type
    return changes, [*rows, *documents]


def _list_documents(customer: Customer) -> str:
    """Join the keys of the documents on record. Reads none where they came with the customer."""
    on_record = [row.pk for row in customer.documents.all() if row.replaced_at is None]
    return ",".join(map(str, sorted(on_record)))


def _describe(proposal: KycProposal) -> dict[str, object]:
    return {
        "proposal": proposal.pk,
        "kyc_flag": [proposal.from_tier, proposal.to_tier],
        "reason": proposal.reason,
        **({"document": proposal.document_kind} if proposal.document_kind else {}),
    }


KYC_PROPOSALS = Proposals(
    model=KycProposal,
    name="KYC change",
    lock=lambda proposal: (people.lock_customer(proposal.customer_id), clock.now()),
    carry_out=_carry_out,
    describe=_describe,
)
decide = KYC_PROPOSALS.decide

"""KYC as staff change it: Min and New Min at once; Full, and whatever is lower, by two people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Model

from customers import conflicts, records
from customers.choices import Tier
from customers.models import Customer, KycProposal
from customers.records import Told
from customers.services import reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.db.transaction import wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services import audit

COLUMNS = {
    "kyc_flag": "tier",
    "kyc_updated_channel": "kyc_updated_channel",
    "kyc_updated_on": "kyc_updated_on",
}
AT_FIRST = "On-boarded at Full KYC"


def needs_another(tier: str, *, before: str) -> bool:
    """Tell whether a tier that a person of the staff gives is for another person to approve."""
    rank = Tier(tier).rank - Tier(before).rank
    return rank < 0 or (rank > 0 and tier == Tier.FULL)


def change(*, customer_id: int, told: Told, reason: str, user: User) -> KycProposal | None:
    """Change tier, channel, date or a document, or propose it: the proposal, where it is one.

    Raises UnknownCustomer, Malformed (Full KYC without a document, a proposal without a reason,
    nothing to change) or Conflict.
    """
    processor = records.first_registration(customer_id).processor

    def work() -> KycProposal | None:
        customer = records.locked_or_unknown(customer_id)
        at = clock.now()
        conflicts.judge_document(told)
        conflicts.judge_upgrade(told, customer)
        conflicts.judge_conflicts(told, customer, may_lower=True)
        if needs_another(told.kyc_flag or customer.tier, before=customer.tier):
            return propose(told, customer=customer, reason=reason, user=user, at=at)
        changes, rows = _apply(told, customer=customer, user=user, at=at)
        if not changes:
            raise Malformed([("", "says nothing to change")])
        detail: dict[str, object] = {"changes": changes}
        if reason.strip():
            detail["reason"] = conflicts.given(reason)
        audit.record(
            "customer updated", at=at, subject=customer_id, user=user, detail=detail, rows=rows
        )
        return None

    return reviews.keeping_doubts(work, told, processor=processor)


def until_approved(told: Told, user: User | None) -> Told:
    """Give what may be recorded at once: of Full KYC by staff, Min KYC."""
    return replace(told, kyc_flag=Tier.MIN.value) if user and told.kyc_flag == Tier.FULL else told


def propose_at_first(told: Told, *, customer: Customer, user: User, at: datetime) -> None:
    """Propose Full KYC for a customer whom staff on-board at it; the document is on record."""
    if told.kyc_flag == Tier.FULL:
        told = replace(told, ovid_type=None, ovid_value=None)
        propose(told, customer=customer, reason=AT_FIRST, user=user, at=at)


def propose(
    told: Told, *, customer: Customer, reason: str, user: User, at: datetime
) -> KycProposal:
    """Propose a tier, inside a transaction. Raises Conflict where a proposal is open already."""
    if customer.kyc_proposals.filter(state=FourEyes.State.PROPOSED).exists():
        raise Conflict([("kyc_flag", "has an open proposal already")])
    assert told.kyc_flag
    proposal = KycProposal(
        customer=customer,
        from_tier=customer.tier,
        from_channel=customer.kyc_updated_channel,
        from_updated_on=customer.kyc_updated_on,
        documents=_documents(customer),
        to_tier=told.kyc_flag,
        channel=told.kyc_updated_channel or customer.kyc_updated_channel,
        updated_on=told.kyc_updated_on,
        reason=conflicts.given(reason),
        maker=user,
        proposed_at=at,
    )
    if told.document:
        proposal.seal(*told.document)
    proposal.save(force_insert=True)
    _audit("KYC change proposed", proposal, user, at, [proposal])
    return proposal


@wrap_in_transaction
def decide(*, proposal_id: int, state: str, user: User, note: str = "") -> KycProposal:
    """Approve or reject another's proposal, or withdraw one's own. Raises Conflict where that may
    not be, or what it stands on has changed; Malformed for a rejection without a reason.
    """
    proposal = KycProposal.objects.select_for_update().get(pk=proposal_id)
    customer = records.locked(proposal.customer_id)
    at = clock.now()
    proposal.decide(state, user=user, at=at, note=note)
    rows = _carry_out(proposal, customer, at) if state == FourEyes.State.APPROVED else []
    proposal.save(update_fields=FourEyes.DECISION)
    _audit(f"KYC change {state.lower()}", proposal, user, at, [proposal, *rows])
    return proposal


def has_moved(proposal: KycProposal, customer: Customer) -> bool:
    """Tell whether tier, channel, date or documents have changed since it was proposed."""
    ground = (proposal.from_tier, proposal.from_channel, proposal.from_updated_on)
    now = (customer.tier, customer.kyc_updated_channel, customer.kyc_updated_on)
    return (*now, _documents(customer)) != (*ground, proposal.documents)


def _carry_out(proposal: KycProposal, customer: Customer, at: datetime) -> list[Model]:
    """Do what was proposed: the rows that are new or changed."""
    if has_moved(proposal, customer):
        raise Conflict([("", "what it stands on has changed since")])
    kind, number = proposal.read_document() or (None, None)
    told = Told(
        kyc_flag=proposal.to_tier,
        kyc_updated_channel=proposal.channel,
        kyc_updated_on=proposal.updated_on,
        ovid_type=kind,
        ovid_value=number,
    )
    conflicts.judge_conflicts(told, customer, may_lower=True)
    assert proposal.maker
    _, rows = _apply(told, customer=customer, user=proposal.maker, at=at)
    return rows


def _apply(
    told: Told, *, customer: Customer, user: User, at: datetime
) -> tuple[dict[str, object], list[Model]]:
    """Make the changes; what changed, for the audit: of a document only that it did; and the rows
    that are new or changed.
    """
    before = {name: str(getattr(customer, column)) for name, column in COLUMNS.items()}
    changes: dict[str, object] = {}
    change = records.change_kyc(told, customer=customer, processor=None, user=user, at=at)
    rows: list[Model] = [change, customer] if change else []
    if change:
        customer.save(update_fields=[*COLUMNS.values(), "tier_since"])
        now = {name: str(getattr(customer, column)) for name, column in COLUMNS.items()}
        changes = {n: [before[n], now[n]] for n in COLUMNS if before[n] != now[n]}
    documents = records.record_document(told, customer=customer, at=at) if told.document else []
    if documents:
        changes["document"] = told.ovid_type
    return changes, [*rows, *documents]


def _documents(customer: Customer) -> str:
    """Name the documents on record by their keys; those that were read with the customer do."""
    on_record = [row.pk for row in customer.documents.all() if row.replaced_at is None]
    return ",".join(map(str, sorted(on_record)))


def _audit(
    action: str, proposal: KycProposal, user: User, at: datetime, rows: Sequence[Model]
) -> None:
    detail: dict[str, object] = {
        "proposal": proposal.pk,
        "kyc_flag": [proposal.from_tier, proposal.to_tier],
        "reason": proposal.reason,
    }
    if proposal.decision_note:
        detail["decision_note"] = proposal.decision_note
    if proposal.document_kind:
        detail["document"] = proposal.document_kind
    audit.record(action, at=at, subject=proposal.customer_id, user=user, detail=detail, rows=rows)

"""Merges and un-merges, as two people would make them."""

from django.db.models import Model

from customers.models import Customer, Kin, Merge
from customers.survivors import list_kin
from limits import ledger
from limits.services.moves import move_totals
from ppims.db.transaction import wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services import audit


def merge(survivor_id: int, merged_id: int) -> Merge:
    """Merge a customer into an older one."""
    return _carry_out(survivor_id, merged_id, Merge.Kind.MERGE)


def unmerge(survivor_id: int, merged_id: int) -> Merge:
    """Part a merged customer from the survivor again."""
    return _carry_out(survivor_id, merged_id, Merge.Kind.UNMERGE)


@wrap_in_transaction
def _carry_out(survivor_id: int, merged_id: int, kind: str) -> Merge:
    maker, checker = (User.objects.get_or_create(username=n)[0] for n in ("maker", "checker"))
    at = max(ledger.lock(each)[1] for each in sorted((survivor_id, merged_id)))
    made = Merge.objects.create(
        customer_id=survivor_id,
        merged_id=merged_id,
        kind=kind,
        reason="a test",
        maker=maker,
        checker=checker,
        state=FourEyes.State.APPROVED,
        proposed_at=at,
        decided_at=at,
    )
    move_totals(made, at)
    is_merge = kind == Merge.Kind.MERGE
    merged_into = survivor_id if is_merge else merged_id
    Customer.objects.filter(pk=merged_id).update(survivor_id=merged_into)
    Customer.objects.filter(pk=survivor_id).update(survivor_id=survivor_id)
    rows: dict[int, list[Model]] = {survivor_id: [made], merged_id: []}
    for kin in _connect(survivor_id, merged_id) if is_merge else ():
        rows.setdefault(kin.customer_id, []).append(kin)
    for subject, theirs in rows.items():
        customer = Customer.objects.get(pk=subject)
        audit.record("merge of a test", at=at, subject=subject, rows=[customer, *theirs])
    return made


def _connect(survivor_id: int, merged_id: int) -> list[Kin]:
    pairs = {(a, b) for a in list_kin(survivor_id) for b in list_kin(merged_id)}
    both_ways = sorted(pairs | {(b, a) for a, b in pairs})
    known = set(Kin.objects.values_list("customer_id", "other_id"))
    return [
        Kin.objects.create(customer_id=a, other_id=b) for a, b in both_ways if (a, b) not in known
    ]

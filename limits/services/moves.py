"""What merges and un-merges do to ledgers: what was used is moved from month to month of another
customer's, and open holds go along. docs/ledger.md, "Merges".
"""

from collections import Counter
from datetime import datetime

from customers import survivors
from customers.models import Merge
from limits import ledger
from limits.known import CREDIT_DIRECTION, DEBIT_DIRECTION, ApprovedMove, HoldPlace, Request
from limits.known import Hold as OpenHold
from limits.models import Hold, LimitCheck
from limits.services.owned import Owned, Place, sum_owned
from limits.stores.carry_out import carry_out
from ppims.core import calendar
from ppims.core.errors import Conflict
from ppims.db.group_commit import run_alone

OVERDRAWN_REASON = (
    "can't be parted: in {month} less would be left than what is to be reversed by Tran_Id."
    " Correct that month first"
)


def move_totals(merge: Merge, at: datetime) -> None:
    """Move what an approved merge or un-merge moves, inside the transaction that approves it, which
    has locked both customers, and has given the survivor its tier and status.

    A merge moves all that the merged one has used; an un-merge what rows of its own, and of those
    merged into it, have come to by now. Raises Conflict where the survivor's month has not enough
    for that.
    """
    is_merge = merge.kind == Merge.Kind.MERGE
    giver_id, taker_id = merge.merged_id, merge.customer_id
    if is_merge:
        used, holds = _read_used(giver_id), _list_holds(giver_id)
    else:
        giver_id, taker_id = taker_id, giver_id
        used, holds = _find_leaving(merge)
    # One entry in each ledger at least, so that each says when it was.
    places = {place for place, paise in used.items() if paise}
    places.add((calendar.number_ist_month(at), DEBIT_DIRECTION))
    move = ApprovedMove(
        giver_id,
        taker_id,
        f"{merge.kind}-{merge.pk}",
        tuple((*place, used[place]) for place in sorted(places)),
        tuple(holds),
    )
    run_alone(Request(move), carry_out)


def _read_used(customer_id: int) -> Counter[Place]:
    """Read what a customer has used, by month and direction."""
    used: Counter[Place] = Counter()
    for month, (debit, credit) in ledger.sum_by_month(customer_id).items():
        used[month, DEBIT_DIRECTION], used[month, CREDIT_DIRECTION] = debit, credit
    return used


def _find_leaving(merge: Merge) -> tuple[Counter[Place], list[tuple[int, OpenHold]]]:
    """Find what goes with whom is un-merged. Raises Conflict where it can't."""
    root, kin = merge.customer_id, survivors.list_kin(merge.merged_id)
    branch = set(survivors.list_branch(merge.merged_id))
    rest = set(survivors.list_family(root)) - branch
    owned = sum_owned(branch, kin)
    _require_enough(_read_used(root), owned, sum_owned(rest, kin))
    holds = _list_holds(root)
    checks = LimitCheck.objects.filter(
        customer_id__in=kin, pk__in=[check_id for check_id, _ in holds], unique_id_sent__in=branch
    )
    of_branch = set(checks.values_list("pk", flat=True))
    return owned.used, [(check_id, hold) for check_id, hold in holds if check_id in of_branch]


def _require_enough(used: Counter[Place], leaving: Owned, staying: Owned) -> None:
    """Require that each has enough after they are parted for every reversal that may still come:
    those are never refused, and nothing may fall below zero.
    """
    for place in sorted({*used, *leaving.used, *staying.used}):
        left = used[place] - leaving.used[place]
        if left < staying.reversible[place] or leaving.used[place] < leaving.reversible[place]:
            month = f"{place[0] % 100:02d}-{place[0] // 100}"
            raise Conflict([("merged_id", OVERDRAWN_REASON.format(month=month))])


def _list_holds(customer_id: int) -> list[tuple[int, OpenHold]]:
    """List a customer's holds, expired ones too, by their checks."""
    rows = Hold.objects.filter(customer_id=customer_id).order_by("pk")
    columns = ("limit_check_id", "amount_paise", "processor_id", "month", "direction", "expires_at")
    return [
        (check_id, OpenHold(customer_id, HoldPlace(*place), paise))
        for check_id, paise, *place in rows.values_list(*columns)
    ]

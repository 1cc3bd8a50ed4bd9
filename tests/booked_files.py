"""A processor's file of what it has booked, of a month, compared with our books."""

from datetime import timedelta
from io import BytesIO

from limits.models import LedgerEntry, Reconciliation
from limits.services import reconciliations
from limits.services.reconciliations import FileBrought
from ppims.core.calendar import find_ist_day
from ppims.core.money import to_rupees
from ppims.maintenance.reconciling import compare_with_books
from ppims.models import User

HEAD = "Tran_Id,Tran_Type,Amount,Tran_Date\n"


def compare_booked_file(posting: LedgerEntry, user: User) -> Reconciliation:
    """Compare the file of the month that ends with a posting's day, which has what we have, but for
    an amount, a number, a row that can't be read, and a posting that is missing.
    """
    until = find_ist_day(posting.at)
    since = until - timedelta(days=30)
    booked = LedgerEntry.objects.filter(processor=posting.processor, at__lte=posting.at)
    reversed_ones = booked.filter(kind="R").values("reverses")
    entries = booked.filter(kind="S").exclude(tran_id="").exclude(pk__in=reversed_ones)
    rows = [
        [each.tran_id, each.direction, each.amount_paise, find_ist_day(each.at)]
        for each in entries.order_by("pk")
        if since <= find_ist_day(each.at)
    ]
    _missing, *others = rows
    others[-1][2] += 5_000
    others += [["T-ELSEWHERE", "D", 25_000, until]]
    lines = [f"{tran},{way},{to_rupees(paise)},{day:%d-%m-%Y}" for tran, way, paise, day in others]
    lines += [f"T-UNREADABLE,D,2.5e3,{until:%d-%m-%Y}"]
    content = (HEAD + "\n".join(lines)).encode()
    run = reconciliations.begin(
        processor=posting.processor,
        since=since,
        until=until,
        file=FileBrought("booked.csv", "0f" * 32, len(content)),
        user=user,
    )
    return compare_with_books(run, BytesIO(content))

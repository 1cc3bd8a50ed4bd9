"""A processor's file of what it has booked, of one day, compared with our books."""

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
    """Compare the file of a posting's day, which has what we have, but for an amount, a number, a
    row that can't be read, and a posting that is missing.
    """
    day = find_ist_day(posting.at)
    begins = {"processor_id": posting.processor_id, "kind": "S", "at__date": day}
    entries = LedgerEntry.objects.filter(**begins).exclude(tran_id="").order_by("pk")
    rows = [(each.tran_id, each.direction, each.amount_paise) for each in entries]
    if posting.tran_id:
        rows = [(tran, way, paise + 5_000 * (tran == posting.tran_id)) for tran, way, paise in rows]
    else:
        rows[0] = (*rows[0][:2], rows[0][2] + 5_000)
    lines = [f"{tran},{way},{to_rupees(paise)},{day:%d-%m-%Y}" for tran, way, paise in rows[:-1]]
    lines += [f"T-ELSEWHERE,D,250.00,{day:%d-%m-%Y}", f"T-UNREADABLE,D,2.5e3,{day:%d-%m-%Y}"]
    content = (HEAD + "\n".join(lines)).encode()
    run = reconciliations.begin(
        processor=posting.processor,
        since=day,
        until=day,
        file=FileBrought("booked.csv", "0f" * 32, len(content)),
        user=user,
    )
    return compare_with_books(run, BytesIO(content))

"""What the demo's processors were refused: reports that staff look at, and calls."""

from datetime import datetime, timedelta

from limits.known import Report
from limits.models import LedgerEntry, LedgerHead, RefusedReport, ReportFinding
from limits.services import findings, refused_reports
from ppims.core import clock
from ppims.models import Operation, Processor, RefusedCall, User
from ppims.services import call_buffer
from ppims.services.idempotency import Call

# Hours ago, the rupees that were reported beside those posted, and what that was found to be.
REPORTS = (
    (30, 250, ReportFinding.Finding.ANOTHER, "Two purchases in one shop; the second corrected"),
    (26, -1, ReportFinding.Finding.REPEAT, "Rounded by the till; the posted amount is right"),
    (5, 120, None, ""),
    (2, 75, None, ""),
)
# Hours ago, by whom, and what of it was refused.
CALLS = (
    (49, "CBS", "add-customer", "400", "Date_Of_Birth,Mobile_Number"),
    (26, "ENT", "update-customer-limit", "409", "Tran_Id"),
    (20, "ENT", "check-customer-limit", "400", "Amount"),
    (20, "ENT", "check-customer-limit", "500", ""),
    (3, "CBS", "update-customer", "409", "KYC_Flag"),
    (1, "CBS", "check-customer-kyc", "403", "System_Id"),
)


def tell() -> None:
    """Have some reports and calls refused."""
    _tell_reports()
    now, processors = clock.now(), Processor.objects.in_bulk(field_name="system_id")
    call_buffer.write(
        [
            RefusedCall(
                at=now - timedelta(hours=hours),
                processor=processors[system_id],
                operation=operation,
                ref_id=f"DEMO-CALL-{number}",
                code=code,
                fields=fields,
            )
            for number, (hours, system_id, operation, code, fields) in enumerate(CALLS, start=1)
        ]
    )


def _tell_reports() -> None:
    """Have a few reports refused for numbers that are posted with another amount; staff have closed
    some of them.
    """
    now, taken = clock.now(), set[int]()  # one report a customer, so that no two meet
    closer = User.objects.get(username="farhan")
    for number, (hours, rupees, finding, note) in enumerate(REPORTS, start=1):
        at = now - timedelta(hours=hours)
        posting = _find_posting_before(at, taken)
        if posting is None:
            continue
        taken.add(posting.customer_id)
        with clock.freeze(at):
            report = _refuse(posting, f"DEMO-REFUSED-{number}", rupees * 100)
        if finding:
            with clock.freeze(at + timedelta(minutes=50)):
                findings.note(report, finding=finding, note=note, user=closer)


def _find_posting_before(at: datetime, taken: set[int]) -> LedgerEntry | None:
    """Find the last posting of somebody to whom nothing has happened since."""
    quiet = LedgerHead.objects.filter(last_at__lt=at).exclude(pk__in=taken)
    postings = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.POST, customer__in=quiet.values("pk")
    )
    plain = postings.filter(flags="", amount_paise__gt=50_000).exclude(tran_id="")
    return plain.select_related("processor").order_by("-at").first()


def _refuse(posting: LedgerEntry, ref_id: str, more_paise: int) -> RefusedReport:
    assert posting.processor
    report = Report(
        posting.customer_id,
        LedgerEntry.Kind.POST,
        posting.direction,
        posting.amount_paise + more_paise,
        None,
        posting.tran_id,
    )
    call = Call(posting.processor, Operation.UPDATE_LIMIT, ref_id, {})
    refused_reports.keep(call=call, report=report, posting=posting)
    return RefusedReport.objects.get(customer_id=posting.customer_id, ref_id=ref_id)

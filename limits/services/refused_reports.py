"""Refused reports: kept for staff, and what they note of them and find them to be."""

from django.db import IntegrityError

from limits import ledger
from limits.models import LedgerEntry, RefusedReport, ReportFinding
from limits.services.updates import Report
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services import audit
from ppims.services.idempotency import Call


@wrap_in_transaction
def keep(*, call: Call, report: Report, posting: LedgerEntry) -> None:
    """Keep a report that was refused for what its Tran_Id has posted: once a Ref_Id, whatever it
    says when it is sent again. Raises Unavailable.
    """
    _, at = ledger.lock(posting.customer_id)  # so nobody else is keeping it
    key = {"customer_id": posting.customer_id, "processor": call.processor}
    if RefusedReport.objects.filter(**key, ref_id=call.ref_id).exists():
        return
    kept = RefusedReport(
        **key,
        unique_id_sent=report.unique_id,
        ref_id=call.ref_id,
        at=at,
        direction=report.direction,
        amount_paise=report.amount_paise,
        balance_paise=report.balance_paise,
        tran_id=posting.tran_id,
        enquiry_ref_id=report.enquiry_ref_id or "",
        posting=posting,
    )
    kept.save(force_insert=True)
    audit.record(
        "report refused",
        at=at,
        subject=kept.customer_id,
        processor=call.processor,
        detail={"report": kept.pk, "ref_id": kept.ref_id, "amount_paise": kept.amount_paise},
        rows=[kept],
    )


@wrap_in_transaction
def note(*, report_id: int, finding: str, note: str, user: User) -> ReportFinding:
    """Keep a note on a refused report; with a finding it is closed.

    Raises Malformed without a note that may be kept, Conflict where it is closed.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    report = RefusedReport.objects.only("customer_id").get(pk=report_id)
    kept = ReportFinding(
        customer_id=report.customer_id,
        report=report,
        finding=ReportFinding.Finding(finding) if finding else "",
        note=said,
        user=user,
        at=clock.now(),
    )
    try:
        kept.save(force_insert=True)
    except IntegrityError:
        raise Conflict([("report", "was closed before")]) from None
    audit.record(
        f"refused report {'closed' if finding else 'noted'}",
        at=kept.at,
        subject=kept.customer_id,
        user=user,
        detail={"report": report_id, "finding": kept.finding, "reason": kept.note},
        rows=[kept],
    )
    return kept


def find_closing(report: RefusedReport) -> ReportFinding | None:
    """Give what a refused report was found to be; None: it waits."""
    return next((kept for kept in list_notes(report) if kept.finding), None)


def list_notes(report: RefusedReport) -> list[ReportFinding]:
    """List what was noted of a refused report, its finding among it, in the order it was."""
    noted = ReportFinding.objects.filter(customer_id=report.customer_id, report=report)
    return sorted(noted.select_related("user"), key=lambda kept: kept.pk)


def list_reports(posting: LedgerEntry) -> list[RefusedReport]:
    """List what was refused for what a posting has booked, the first of it first."""
    refused = RefusedReport.objects.filter(customer_id=posting.customer_id, posting=posting)
    return sorted(refused, key=lambda report: report.pk)

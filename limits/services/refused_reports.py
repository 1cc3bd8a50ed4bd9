"""Refused reports, kept for staff to look into."""

from customers import survivors
from limits.known import Posting, Report
from limits.models import LedgerEntry, RefusedReport
from limits.stores.kin import lock_root
from ppims.db.transaction import wrap_in_transaction
from ppims.services import audit
from ppims.services.idempotency import Call


@wrap_in_transaction
def keep(*, call: Call, report: Report, posting: Posting | LedgerEntry) -> None:
    """Keep a report that was refused for what its Tran_Id has posted: once a Ref_Id, whatever it
    says when it is sent again. Raises Unavailable.
    """
    # Under the customer's lock nobody else is keeping it between this look and the insert.
    head, at = lock_root(report.unique_id)
    # It may be kept of another id, from before a merge or a parting.
    owners = survivors.list_kin(head.customer_id)
    kept_before = RefusedReport.objects.filter(customer_id__in=owners, processor=call.processor)
    if kept_before.filter(ref_id=call.ref_id).exists():
        return
    kept = RefusedReport(
        customer_id=head.customer_id,
        processor=call.processor,
        unique_id_sent=report.unique_id,
        ref_id=call.ref_id,
        at=at,
        direction=report.direction,
        amount_paise=report.amount_paise,
        balance_paise=report.balance_paise,
        tran_id=report.tran_id or "",
        enquiry_ref_id=report.enquiry_ref_id or "",
        posting_id=posting.id,
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


def list_reports(posting: LedgerEntry) -> list[RefusedReport]:
    """List what was refused for what a posting has booked, the first of it first."""
    owners = survivors.list_kin(posting.customer_id)
    refused = RefusedReport.objects.filter(customer_id__in=owners, posting=posting)
    return sorted(refused, key=lambda report: report.pk)

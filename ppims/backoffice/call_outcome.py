"""What became of a call: what was booked for it, or why nothing was; and its check."""

from datetime import timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from customers import survivors
from customers.models import DuplicateReview
from limits.models import Hold, LedgerEntry, LimitCheck, RefusedReport
from ppims.backoffice import labels
from ppims.backoffice.transaction_detail import Fact, write_transaction_address
from ppims.core import clock
from ppims.core.formats import inr, ist
from ppims.demo.next_answers import is_of_done
from ppims.models import KeptCall, Operation, ReplayKey
from ppims.reports.calls import list_kept
from ppims.reports.records import Source

OPERATION_CODES = {operation.label: operation for operation in Operation}
READ_OPERATIONS = {"customer-registration-status", "check-customer-kyc"}
CUSTOMERS_OPERATIONS = {"add-customer", "update-customer"}
AROUND_REFUSAL = timedelta(seconds=2)


def describe_outcome(call: KeptCall, *, is_replayed: bool) -> list[Fact]:
    """Say what became of a call, with links to it."""
    if call.code == KeptCall.Code.NOT_AUTHENTICATED:
        said = _("Refused: the username or the password is wrong.")
        return [Fact(_("What became of it"), said)]
    if call.operation in READ_OPERATIONS and not call.is_refused:
        return [Fact(_("What became of it"), _("A read: nothing is recorded."))]
    key = _find_key(call, call.operation, call.ref_id)
    if is_replayed:
        said = _("Sent before: the first answer again, and no second effect.")
        return [Fact(_("What became of it"), said), *_link_to_row(key)]
    if not call.is_refused or (key and is_of_done(call.fault)):
        return _link_to_row(key) or [Fact(_("What became of it"), _("Nothing is recorded."))]
    kept = _find_kept(call)
    if kept:
        return [kept]
    said = _("Refused: nothing is booked.")
    if key:  # answered before, or later: sent again
        said = _("Refused: nothing is booked for this call. Another call with this Ref_Id was.")
    return [Fact(_("What became of it"), said), *_link_to_row(key)]


def describe_check(call: KeptCall) -> list[Fact]:
    """Of a report: the check that it names. Of a check: its hold, and what has answered it."""
    if call.operation == Operation.CHECK_LIMIT.label:
        key = _find_key(call, call.operation, call.ref_id)
        return _describe_hold(key) if key else []
    if not call.enquiry_ref_id:
        return []
    key = _find_key(call, Operation.CHECK_LIMIT.label, call.enquiry_ref_id)
    if key is None:
        return [Fact(_("Its check"), _("No check has this Enquiry_Ref_Id."))]
    check = LimitCheck.objects.get(customer_id=key.customer_id, pk=key.row_id)
    outcome = labels.name_outcome(check.is_allowed, check.reason)
    said = f"{inr(check.amount_paise)}, {ist(check.at)}: {labels.lower_first(outcome)}"
    facts = [Fact(_("Its check"), said, address=write_transaction_address(Source.CHECK, check.pk))]
    if sent := _find_call(call, Operation.CHECK_LIMIT.label, call.enquiry_ref_id):
        facts.append(Fact(_("Call of the check"), ist(sent.at), address=write_address(sent)))
    return facts


def write_address(call: KeptCall) -> str:
    return reverse("call", args=[call.pk])


def _find_key(call: KeptCall, operation: str, ref_id: str) -> ReplayKey | None:
    """Find the answer that a processor's Ref_Id got; None: it got none that is kept."""
    code = OPERATION_CODES.get(operation)
    if code is None or not ref_id or call.processor_id is None:
        return None
    found = ReplayKey.objects.filter(
        processor_id=call.processor_id, operation=code, ref_id=ref_id
    ).defer("digests")
    return found.first()


def _find_call(call: KeptCall, operation: str, ref_id: str) -> KeptCall | None:
    found = list_kept().filter(processor=call.processor, operation=operation, ref_id=ref_id)
    return found.filter(is_refused=False).order_by("pk").first()


def _link_to_row(key: ReplayKey | None) -> list[Fact]:
    """Link to what an answer is kept as: a check, an entry, or the customer."""
    if key is None:
        return []
    if key.operation == Operation.CHECK_LIMIT:
        check = LimitCheck.objects.get(customer_id=key.customer_id, pk=key.row_id)
        said = f"{labels.name_outcome(check.is_allowed, check.reason)}, {inr(check.amount_paise)}"
        return [Fact(_("Kept as"), said, address=write_transaction_address(Source.CHECK, check.pk))]
    if key.operation == Operation.UPDATE_LIMIT:
        return [_link_to_entry(_("Booked as"), _find_entry(key.customer_id, key.row_id))]
    said, address = str(key.customer_id), reverse("customer", args=[key.customer_id])
    return [Fact(_("Customer"), said, is_code=True, address=address)]


def _find_entry(customer_id: int, entry_id: int) -> LedgerEntry:
    return LedgerEntry.objects.get(customer_id=customer_id, pk=entry_id)


def _link_to_entry(label: str, entry: LedgerEntry) -> Fact:
    flags = f" ({labels.name_flags(entry.flags)})" if entry.flags else ""
    said = f"{entry.get_kind_display()} {inr(entry.amount_paise)}, {ist(entry.at)}{flags}"
    return Fact(label, said, address=write_transaction_address(Source.ENTRY, entry.pk))


def _describe_hold(key: ReplayKey) -> list[Fact]:
    check = LimitCheck.objects.get(customer_id=key.customer_id, pk=key.row_id)
    if check.hold_until is None:
        return []
    kin = survivors.list_kin(check.customer_id)
    answers = LedgerEntry.objects.filter(customer_id__in=kin, limit_check=check)
    facts = [_link_to_entry(_("Answered by"), each) for each in answers.order_by("number", "pk")]
    is_open = Hold.objects.filter(customer_id__in=kin, limit_check=check).exists()
    if is_open and check.hold_until > clock.now():
        said = _("Open until %(at)s") % {"at": ist(check.hold_until)}
    elif facts:
        said = _("Closed")
    else:
        said = _("Ended on %(at)s, never answered") % {"at": ist(check.hold_until)}
    return [Fact(_("Its hold"), said), *facts]


def _find_kept(call: KeptCall) -> Fact | None:
    """Find what a refused call has left for staff: a refused report, or a review."""
    if call.operation == Operation.UPDATE_LIMIT.label and call.unique_id and call.ref_id:
        kin = survivors.list_kin(call.unique_id)
        of_call = {"processor_id": call.processor_id, "ref_id": call.ref_id}
        report = RefusedReport.objects.filter(customer_id__in=kin, **of_call).first()
        if report:
            said = _("Refused, and kept for staff: %(amount)s") % {
                "amount": inr(report.amount_paise)
            }
            address = reverse("refused-report", args=[report.pk])
            return Fact(_("What became of it"), said, address=address)
    if call.operation in CUSTOMERS_OPERATIONS and call.code == KeptCall.Code.CONFLICT:
        # Found by its time: a review has no Ref_Id. The index begins with the outcome.
        review = DuplicateReview.objects.filter(
            outcome__in=["", *DuplicateReview.Outcome.values],
            opened_at__range=(call.at - AROUND_REFUSAL, call.at),
            processor=call.processor,
        )
        if opened := review.only("pk", "opened_at").order_by("-opened_at").first():
            address = reverse("review", args=[opened.pk])
            said = _("Refused, and a review is opened for staff")
            return Fact(_("What became of it"), said, address=address)
    return None

"""Correcting what a customer has used in a month, or one posting of it: a person proposes it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from customers import survivors
from customers.forms.fields import focus_first
from customers.models import Customer
from limits import queries
from limits.forms import CorrectionForm, PostingCorrectionForm
from limits.forms.corrections import ADD_WAY
from limits.models import Direction, LedgerEntry
from limits.services import adjustments, findings
from ppims.backoffice.access import get_posted, go, is_looking, open_page, render_form
from ppims.backoffice.customer.changes import PROPOSED_MESSAGE
from ppims.backoffice.customer.merged_ids import find_person
from ppims.backoffice.flagged import FLAGGED_POSTINGS
from ppims.backoffice.queue import go_on
from ppims.backoffice.transaction_detail import write_transaction_address
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core import calendar, clock
from ppims.core.errors import Refusal, Unavailable
from ppims.core.money import to_rupees
from ppims.reports import keyset
from ppims.reports.records import Source
from ppims.services.accounts import get_staff

MOST_DIGITS = 16
MOST_BEGUN_PAISE = 10**14


@open_page("limits.propose_adjustment", methods=("GET", "POST"))
def correct(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Propose to correct a month; or a posting, where the address names one. The flagged entry that
    it names to `close` is closed with it.
    """
    customer = find_person(unique_id)
    posting = _find_entry(request, customer, "posting", kind=LedgerEntry.Kind.POST)
    closes = _find_flagged(request, customer)
    form = _make_form(request, posting, closes)
    focus_first(form)
    context = _describe(request, customer, posting) | {"form": form, "closes": closes}
    is_right = form.is_valid()
    if is_looking(request):
        return render(request, "includes/looked.html", context)
    if is_right:
        try:
            _propose(request, form, customer, posting, closes)
            return _leave(request, context["customer_url"], closes)
        except Unavailable:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    return render_form(request, "limits/correction.html", form, context)


def _find_entry(
    request: HttpRequest, customer: Customer, name: str, **more: str
) -> LedgerEntry | None:
    """Find the customer's entry that the address names; None: it names none. Raises Http404."""
    said = request.GET.get(name)
    if said is None:
        return None
    number = int(said) if said.isdecimal() and said.isascii() else 0
    of_kin = LedgerEntry.objects.filter(customer_id__in=survivors.list_kin(customer.pk), **more)
    found = of_kin.select_related("processor")
    entry = get_object_or_404(found, pk=min(number, keyset.PAST_ALL_IDS))
    if findings.find_owner(entry) != customer.pk:
        raise Http404
    return entry


def _find_flagged(request: HttpRequest, customer: Customer) -> LedgerEntry | None:
    """Find what is to be closed, where it still may be, by whoever works on flagged postings."""
    entry = _find_entry(request, customer, "close")
    may_close = get_staff(request).has_perm(FLAGGED_POSTINGS.queue.permission)
    is_open = entry and entry.flags and not findings.find_closing(entry)
    return entry if is_open and may_close else None


def _make_form(
    request: HttpRequest, posting: LedgerEntry | None, closes: LedgerEntry | None
) -> CorrectionForm:
    data, initial = get_posted(request), {"reason": _find_own_note(request, closes)}
    this_month = calendar.number_ist_month(clock.now())
    if posting:
        left = posting.amount_paise - queries.sum_given_back([posting]).get(posting.pk, 0)
        begun = _read_begun_amount(request, left)
        return PostingCorrectionForm(data, this_month, left_paise=left, initial=initial | begun)
    return CorrectionForm(data, this_month, initial=initial | _read_begun(request, this_month))


def _read_begun(request: HttpRequest, this_month: int) -> dict[str, Any]:
    """Read the month, the direction and the amount that the address begins the form with."""
    month, direction = request.GET.get("month", ""), request.GET.get("direction", "")
    begun = _read_begun_amount(request, MOST_BEGUN_PAISE)
    if begun:
        begun["way"] = ADD_WAY  # what a posting doesn't say
    if month.isdecimal() and month.isascii() and adjustments.is_month_until(int(month), this_month):
        begun["month"] = int(month)
    if direction in Direction.values:
        begun["direction"] = direction
    return begun


def _read_begun_amount(request: HttpRequest, most_paise: int) -> dict[str, Any]:
    """Read the amount that the address begins the form with, if it isn't more than so much."""
    said = request.GET.get("paise", "")
    paise = int(said) if said.isdecimal() and said.isascii() and len(said) < MOST_DIGITS else 0
    return {"amount": to_rupees(paise)} if 0 < paise <= most_paise else {}


def _find_own_note(request: HttpRequest, closes: LedgerEntry | None) -> str:
    """Find what this person noted last of what is to be closed: most likely the reason."""
    noted = findings.list_notes(closes) if closes else []
    own = [each.note for each in noted if each.user_id == get_staff(request).pk]
    return own[-1] if own else ""


def _describe(
    request: HttpRequest, customer: Customer, posting: LedgerEntry | None
) -> dict[str, Any]:
    back = write_customer_address(customer.pk)
    described: dict[str, Any] = {"customer": customer, "here": request.get_full_path()}
    if posting:
        back = write_transaction_address(Source.ENTRY, posting.pk)
        left = posting.amount_paise - queries.sum_given_back([posting]).get(posting.pk, 0)
        asked = {"month": posting.month, "direction": posting.direction}
        if "close" in request.GET:
            asked["close"] = request.GET["close"]
        month_address = f"{reverse('customer-correct', args=[customer.pk])}?{urlencode(asked)}"
        described |= {"posting": posting, "left_paise": left, "month_address": month_address}
    return described | {"customer_url": back}


def _propose(
    request: HttpRequest,
    form: CorrectionForm,
    customer: Customer,
    posting: LedgerEntry | None,
    closes: LedgerEntry | None,
) -> None:
    said = form.cleaned_data
    correction = adjustments.Correction(
        unique_id=customer.pk,
        month=posting.month if posting else said["month"],
        direction=posting.direction if posting else said["direction"],
        amount_paise=form.change_paise,
        reason=said["reason"],
        posting_id=posting.pk if posting else None,
    )
    adjustments.propose(correction=correction, user=get_staff(request), closes=closes)


def _leave(request: HttpRequest, back: str, closes: LedgerEntry | None) -> HttpResponse:
    """Say what was done, and lead back; or on to the next that is flagged."""
    if closes is None:
        messages.success(request, str(PROPOSED_MESSAGE))
        return go(request, back)
    said = _("Closed. The correction is proposed: another person approves it, under Approvals.")
    messages.success(request, said)
    return go_on(FLAGGED_POSTINGS.queue, FLAGGED_POSTINGS.find_position(closes))

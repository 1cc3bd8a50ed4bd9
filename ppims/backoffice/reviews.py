"""The queue of review items: customers who may be one person."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import DuplicateReview
from customers.review_evidence import list_evidence
from customers.services.reviews import decide
from limits.models import Direction
from ppims.backoffice.access import open_page
from ppims.backoffice.customer.left import describe_left
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    Choice,
    Column,
    ListRow,
    Queue,
    ShownList,
    find_oldest,
    read_list,
    require_to_send,
    respond_with_item,
    respond_with_list,
)
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.formats import ist
from ppims.reports import reviews

OUTCOMES = DuplicateReview.Outcome
# What a decision leads to.
EFFECT_TEXTS = {
    OUTCOMES.SAME_PERSON: _("When it is sent again, it finds the customer on record."),
    OUTCOMES.NUMBER_PASSED_ON: _(
        "The customer on record loses the number; sent again, it is its new owner’s."
    ),
    OUTCOMES.DIFFERENT_PEOPLE: _("Nothing changes: what was claimed stays refused."),
}
TO_BE_MERGED = _("Two records of one person: it stays here until they can be merged.")
WHY_TEXTS = {
    # whether it is by the mobile number, and claimed for another customer
    (True, False): _("%(who)s tried to add a person whose mobile number belongs to %(holder)s."),
    (False, False): _("%(who)s tried to add a person whose document belongs to %(holder)s."),
    (True, True): _("%(who)s tried to give %(claimant)s the mobile number of %(holder)s."),
    (False, True): _("%(who)s tried to give %(claimant)s the document of %(holder)s."),
}
REVIEW_QUEUE = Queue(
    "reviews",
    "customers.decide_duplicatereview",
    reviews.walk,
    lambda at: reverse("review", args=[at.id]),
    said=_("Decided: %(finding)s."),
    takes_notes=False,
)
WAITING_COLUMNS = (Column(_("Alike")), Column(_("From")), Column(_("Since"), "when"))
DECIDED_COLUMNS = (Column(_("Outcome")), Column(_("Who")), Column(_("Decided"), "when"))


@open_page("customers.view_duplicatereview")
def reviews_list(request: HttpRequest) -> HttpResponse:
    """List the review items that wait, or those that were decided; or lead to the oldest."""
    if oldest := find_oldest(request, REVIEW_QUEUE):
        return redirect(oldest)
    is_done = DONE_PARAMETER in request.GET
    report = reviews.list_decided if is_done else reviews.list_waiting
    found = read_list(lambda cursor: report(cursor=cursor), request)
    shown = ShownList(
        _("Review items"),
        _("Who is it?"),
        DECIDED_COLUMNS if is_done else WAITING_COLUMNS,
        [(_write_decided if is_done else _write_waiting)(item) for item in found.rows],
        done=_("Decided"),
    )
    return respond_with_list(request, shown, found, is_done=is_done)


@open_page("customers.view_duplicatereview", methods=("GET", "POST"))
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Set record and claim side by side, and take a decision with its reason."""
    user = require_to_send(request, REVIEW_QUEUE.permission)
    item = get_object_or_404(reviews.add_related(DuplicateReview.objects.all()), pk=review_id)
    return respond_with_item(
        request,
        "customers/review.html",
        REVIEW_QUEUE,
        reviews.find_position(item),
        choices=_list_choices(item),
        decide=lambda chosen, note: decide(
            review_id=item.pk, outcome=chosen, reason=note, user=user
        ),
        describe=partial(_describe, item),
    )


def write_question(item: DuplicateReview) -> str:
    """Ask what is to be decided: "Kavya Roy or Ananya Reddy?"."""
    claimed = _name_claimed(item)
    names = {"holder": item.customer.name, "claimed": claimed}
    if not claimed or claimed.casefold() == item.customer.name.casefold():
        return gettext("%(holder)s: one person or two?") % names
    return gettext("%(holder)s or %(claimed)s?") % names


def _write_waiting(item: DuplicateReview) -> ListRow:
    alike = _("Mobile number") if item.is_by_mobile else _("Document")
    return ListRow(
        reverse("review", args=[item.pk]),
        write_question(item),
        (alike, item.processor.system_id, ist(item.opened_at)),
        badge=gettext("To be merged") if item.outcome else "",
    )


def _write_decided(item: DuplicateReview) -> ListRow:
    decided_by = item.decided_by.get_username() if item.decided_by else ""
    return ListRow(
        reverse("review", args=[item.pk]),
        write_question(item),
        (item.get_outcome_display(), decided_by, ist(item.decided_at)),
    )


def _list_choices(item: DuplicateReview) -> list[Choice]:
    merged = {OUTCOMES.SAME_PERSON: TO_BE_MERGED} if item.claimant_id else {}
    return [
        Choice(outcome.value, outcome.label, effect)
        for outcome, effect in {**EFFECT_TEXTS, **merged}.items()
        if item.is_by_mobile or outcome != OUTCOMES.NUMBER_PASSED_ON
    ]


def _describe(item: DuplicateReview) -> dict[str, Any]:
    why = WHY_TEXTS[item.is_by_mobile, item.claimant_id is not None]
    names = {"holder": item.customer.name, "claimant": _name_claimed(item)}
    return {
        "item": item,
        "title": write_question(item),
        "why": str(why) % {"who": item.processor.system_id, **names},
        "evidence": list_evidence(item),
        "customer_address": write_customer_address(item.customer_id),
        "claimant_address": write_customer_address(item.claimant_id) if item.claimant_id else "",
        "left": describe_left(item.customer, Direction.DEBIT),
        "is_closed": bool(item.outcome),
    }


def _name_claimed(item: DuplicateReview) -> str:
    return item.read_claim()["customer_name"] or ""

"""The queue of review items: customers who may be one person."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers import survivors
from customers.models import Customer, DuplicateReview, Merge
from customers.review_evidence import list_evidence
from customers.services import reviews as services
from limits.models import Direction
from limits.services import merges
from ppims.backoffice.access import open_page
from ppims.backoffice.customer.left import describe_left
from ppims.backoffice.customer.together import Together, compare
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
from ppims.models import User
from ppims.reports import reviews

OUTCOMES = DuplicateReview.Outcome
# What a decision leads to.
EFFECT_TEXTS = {
    OUTCOMES.SAME_PERSON: _("When it is sent again, it finds the customer on record."),
    OUTCOMES.NUMBER_PASSED_ON: _(
        "It is proposed that the customer on record loses the number: another person approves it,"
        " and sent again, it is its new owner’s."
    ),
    OUTCOMES.DIFFERENT_PEOPLE: _("Nothing changes: what was claimed stays refused."),
}
TO_BE_MERGED = _("It is proposed to merge the two records: another person approves it.")
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
    proposed = {} if is_done else services.list_proposed()
    shown = ShownList(
        _("Review items"),
        _("Who is it?"),
        DECIDED_COLUMNS if is_done else WAITING_COLUMNS,
        [
            _write_decided(item) if is_done else _write_waiting(item, proposed)
            for item in found.rows
        ],
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
        decide=lambda chosen, note: _decide(item, chosen, note, user),
        describe=partial(_describe, item),
    )


def _decide(item: DuplicateReview, outcome: str, reason: str, user: User) -> object:
    """Decide an item, or propose what is for two people."""
    if outcome == OUTCOMES.SAME_PERSON and item.claimant_id is not None:
        return merges.propose_merge(
            unique_id=item.customer_id,
            other_id=item.claimant_id,
            reason=reason,
            user=user,
            review_id=item.pk,
        )
    return services.decide(review_id=item.pk, outcome=outcome, reason=reason, user=user)


def write_question(item: DuplicateReview) -> str:
    """Ask what is to be decided: "Kavya Roy or Ananya Reddy?"."""
    claimed = _name_claimed(item)
    names = {"holder": item.customer.name, "claimed": claimed}
    if not claimed or claimed.casefold() == item.customer.name.casefold():
        return gettext("%(holder)s: one person or two?") % names
    return gettext("%(holder)s or %(claimed)s?") % names


def _write_badge(item: DuplicateReview, proposed: Mapping[int, str]) -> str:
    if item.outcome or proposed.get(item.pk) == OUTCOMES.SAME_PERSON:
        return gettext("To be merged")
    return gettext("Passing on proposed") if item.pk in proposed else ""


def _write_waiting(item: DuplicateReview, proposed: Mapping[int, str]) -> ListRow:
    alike = _("Mobile number") if item.is_by_mobile else _("Document")
    return ListRow(
        reverse("review", args=[item.pk]),
        write_question(item),
        (alike, item.processor.system_id, ist(item.opened_at)),
        badge=_write_badge(item, proposed),
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
        "it": _compare_both(item),
        "proposal_address": _find_proposal_address(item),
        "is_closed": bool(item.outcome),
    }


def _compare_both(item: DuplicateReview) -> Together | None:
    """Set both side by side, where both are on record and not one yet."""
    if item.claimant is None or not item.is_open:
        return None
    roots = survivors.find_roots([item.customer_id, item.claimant.pk])
    found = Customer.objects.in_bulk(set(roots.values()))
    return compare(*found.values()) if len(found) > 1 else None


def _find_proposal_address(item: DuplicateReview) -> str:
    proposal = services.find_proposal(item)
    if proposal is None:
        return ""
    kind = "merge" if isinstance(proposal, Merge) else "number-passed-on"
    return reverse("approval", args=[kind, proposal.pk])


def _name_claimed(item: DuplicateReview) -> str:
    return item.read_claim()["customer_name"] or ""

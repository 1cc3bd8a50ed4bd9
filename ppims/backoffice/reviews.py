"""The queue of review items: customers who may be one person."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.forms import ReasonForm
from customers.models import DuplicateReview
from customers.review_evidence import list_evidence
from customers.services.reviews import decide
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.queue import DONE_PARAMETER, read_list, require_to_send, respond_with_list
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.errors import Conflict, Malformed
from ppims.reports import reviews
from ppims.services.accounts import get_staff

OUTCOMES = DuplicateReview.Outcome
# What a decision leads to.
EFFECT_TEXTS = {
    OUTCOMES.SAME_PERSON: gettext_lazy("When it is sent again, it finds the customer on record."),
    OUTCOMES.NUMBER_PASSED_ON: gettext_lazy(
        "The customer on record loses the number; sent again, it is its new owner’s."
    ),
    OUTCOMES.DIFFERENT_PEOPLE: gettext_lazy("Nothing changes: what was claimed stays refused."),
}
TO_BE_MERGED = gettext_lazy("Two records of one person: it stays here until they can be merged.")


@open_page("customers.view_duplicatereview")
def reviews_list(request: HttpRequest) -> HttpResponse:
    """List the review items that wait, or those that were decided."""
    is_done = DONE_PARAMETER in request.GET
    found = read_list(reviews.list_decided if is_done else reviews.list_waiting, request)
    rows = [(item, write_customer_address(item.customer_id)) for item in found.rows]
    return respond_with_list(request, "customers/reviews.html", found, rows, is_done=is_done)


@open_page("customers.view_duplicatereview", methods=("GET", "POST"))
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Set record and claim side by side, and take a decision with its reason."""
    require_to_send(request, "customers.decide_duplicatereview")
    item = get_object_or_404(reviews.add_related(DuplicateReview.objects.all()), pk=review_id)
    form = ReasonForm(get_posted(request))
    if form.is_valid() and _is_decided(request, item, form):
        label = OUTCOMES(request.POST["outcome"]).label
        messages.success(request, _("Decided: %(outcome)s.") % {"outcome": label})
        return redirect("reviews")
    return render_form(
        request,
        "customers/review.html",
        form,
        {
            "item": item,
            "evidence": list_evidence(item),
            "customer_address": write_customer_address(item.customer_id),
            "claimant_address": write_customer_address(item.claimant_id)
            if item.claimant_id
            else "",
            "outcomes": _list_outcomes(item),
        },
    )


def _list_outcomes(item: DuplicateReview) -> list[tuple[DuplicateReview.Outcome, object]]:
    merged = {OUTCOMES.SAME_PERSON: TO_BE_MERGED} if item.claimant_id else {}
    return [
        (outcome, effect)
        for outcome, effect in {**EFFECT_TEXTS, **merged}.items()
        if item.is_by_mobile or outcome != OUTCOMES.NUMBER_PASSED_ON
    ]


def _is_decided(request: HttpRequest, item: DuplicateReview, form: ReasonForm) -> bool:
    outcome = request.POST.get("outcome", "")
    if outcome not in OUTCOMES.values:
        form.add_error(None, _("Choose what it is."))
        return False
    reason = form.cleaned_data["reason"]
    try:
        decide(review_id=item.pk, outcome=outcome, reason=reason, user=get_staff(request))
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return False
    return True

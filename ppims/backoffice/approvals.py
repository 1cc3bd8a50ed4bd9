"""Approvals: what one person has proposed, and another approves or rejects."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from ppims.backoffice import proposals
from ppims.backoffice.access import open_page
from ppims.backoffice.proposal_kinds import KINDS
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.errors import Refusal, Unavailable
from ppims.services.accounts import get_staff

MOST_DECIDED = 20
DONE_MESSAGES = {
    "approve": _("Approved."),
    "reject": _("Rejected: nothing has changed."),
    "withdraw": _("Withdrawn: nothing has changed."),
}


@open_page("customers.view_unblocking")
def approvals(request: HttpRequest) -> HttpResponse:
    """List what waits for a second person, and what was decided last."""
    user = get_staff(request)
    waiting = proposals.list_waiting(user)
    return render(
        request,
        "ppims/approvals.html",
        {
            "waiting": [it for it in waiting if it.customer is not None],
            "rules": [it for it in waiting if it.customer is None],
            "decided": proposals.list_decided(user, most=MOST_DECIDED),
        },
    )


@open_page("customers.view_unblocking", methods=["GET", "POST"])
def approval(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Show one proposal, before and after; approve, reject or withdraw it."""
    if kind not in KINDS:
        raise Http404
    shown = proposals.find(KINDS[kind], pk, get_staff(request))
    if shown is None:
        raise Http404
    return _decide(request, shown) if request.method == "POST" else _show(request, shown)


def _show(
    request: HttpRequest, shown: proposals.Shown, problem: str = "", *, status: int = 200
) -> HttpResponse:
    customer = shown.customer
    return render(
        request,
        "ppims/approval.html",
        {
            "shown": shown,
            "problem": problem,
            "note": request.POST.get("note", ""),
            "customer_url": write_customer_address(customer.pk) if customer else "",
        },
        status=status,
    )


def _decide(request: HttpRequest, shown: proposals.Shown) -> HttpResponse:
    user, decision = get_staff(request), request.POST.get("decision", "")
    note = request.POST.get("note", "")
    if not any(map(user.has_perm, (shown.kind.propose, shown.kind.approve))):
        raise PermissionDenied
    if decision not in proposals.DECISIONS:
        return _show(request, shown, str(_("Choose what is decided.")), status=422)
    needed = shown.kind.propose if decision == "withdraw" else shown.kind.approve
    if not user.has_perm(needed):
        raise PermissionDenied
    try:
        shown.kind.proposals.decide(
            proposal_id=shown.row.pk, state=proposals.DECISIONS[decision], user=user, note=note
        )
    except Unavailable:
        raise
    except Refusal as refusal:
        again = proposals.find(shown.kind, shown.row.pk, user)
        assert again
        return _show(request, again, refusal.describe(), status=422)
    messages.success(request, DONE_MESSAGES[decision])
    return redirect("approvals")

"""Approvals: what one person has proposed, and another approves or rejects."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ppims.backoffice import proposals
from ppims.backoffice.access import open_page
from ppims.backoffice.proposal_kinds import KINDS
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    Column,
    ListRow,
    Queue,
    ShownList,
    describe_place,
    find_oldest,
    go_on,
    read_list,
    respond_with_list,
)
from ppims.backoffice.second_factor import ask_code_again
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.errors import Refusal, Unavailable
from ppims.core.formats import ist
from ppims.models import User
from ppims.reports.keyset import Page
from ppims.services.accounts import get_staff

MOST_DECIDED = 20
WAITING_COLUMNS = (
    Column(_("Customer")),
    Column(_("Who")),
    Column(_("Since"), "when"),
)
DECIDED_COLUMNS = (
    Column(_("Customer")),
    Column(_("Decision"), "text"),
    Column(_("Who")),
    Column(_("Decided"), "when"),
)
DONE_MESSAGES = {
    "approve": _("Approved."),
    "reject": _("Rejected: nothing has changed."),
    "withdraw": _("Withdrawn: nothing has changed."),
    "confirm": _("Confirmed."),
    "object": _("Your objection is on record. It still counts: propose the opposite."),
}


@open_page("customers.view_unblocking")
def approvals(request: HttpRequest) -> HttpResponse:
    """List what waits for a second person, or what was decided last; or lead to the oldest."""
    user = get_staff(request)
    if oldest := find_oldest(request, make_queue(user)):
        return redirect(oldest)
    is_done = DONE_PARAMETER in request.GET
    found = (
        Page(proposals.list_decided(user, most=MOST_DECIDED))
        if is_done
        else read_list(lambda cursor: proposals.list_waiting(user, cursor=cursor), request)
    )
    shown = ShownList(
        _("Approvals"),
        _("What is proposed"),
        DECIDED_COLUMNS if is_done else WAITING_COLUMNS,
        [(_write_decided if is_done else _write_waiting)(each) for each in found.rows],
        done=_("Recent decisions"),
    )
    return respond_with_list(request, shown, found, is_done=is_done)


@open_page("customers.view_unblocking", methods=["GET", "POST"])
@ask_code_again
def approval(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Show one proposal, before and after; approve, reject or withdraw it."""
    if kind not in KINDS:
        raise Http404
    shown = proposals.find(KINDS[kind], pk, get_staff(request))
    if shown is None:
        raise Http404
    return _decide(request, shown) if request.method == "POST" else _show(request, shown)


def make_queue(user: User) -> Queue:
    """Make the queue of what this person may decide, or withdraw."""
    return Queue(
        "approvals",
        "customers.view_unblocking",
        partial(proposals.walk, user),
        lambda at: reverse("approval", args=[list(KINDS)[at.rank], at.id]),
    )


def _write_waiting(shown: proposals.Shown) -> ListRow:
    who = shown.row.maker.get_username()
    if shown.is_own:
        who = gettext("%(person)s (you)") % {"person": who}
    if shown.row.operator:
        names = {"person": who, "operator": shown.row.operator}
        who = gettext("%(person)s (typed by %(operator)s)") % names
    return ListRow(
        _write_address(shown),
        shown.in_short,
        (_name_customer(shown), who, ist(shown.row.proposed_at)),
        badge=_name_badge(shown),
        warning=shown.warning if shown.decisions else "",  # for whom it is to decide
    )


def _name_badge(shown: proposals.Shown) -> str:
    if shown.counts_alone:
        return gettext("To be confirmed")
    return gettext("Stale") if shown.is_stale else ""


def _write_decided(shown: proposals.Shown) -> ListRow:
    row = shown.row
    note = f": {row.decision_note}" if row.decision_note else ""
    who = (row.checker or row.maker).get_username()
    said = f"{row.get_state_display()}{note}"
    return ListRow(
        _write_address(shown),
        shown.in_short,
        (_name_customer(shown), said, who, ist(row.decided_at)),
    )


def _write_address(shown: proposals.Shown) -> str:
    return reverse("approval", args=[shown.kind.name, shown.row.pk])


def _name_customer(shown: proposals.Shown) -> str:
    return shown.customer.name if shown.customer else ""


def _show(
    request: HttpRequest, shown: proposals.Shown, problem: str = "", *, status: int = 200
) -> HttpResponse:
    customer, user = shown.customer, get_staff(request)
    here = proposals.find_position(shown.row)
    return render(
        request,
        "ppims/approval.html",
        {
            **(describe_place(user, make_queue(user), here) if shown.decisions else {}),
            "shown": shown,
            # Read here: in a template Django makes an empty comparison of a row that is missing.
            "changes": shown.changes,
            "more": shown.more,
            "title": shown.title,
            "list_address": reverse("approvals"),
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
    return go_on(make_queue(user), proposals.find_position(shown.row))

"""The page of a customer: what is left and what waits, who it is, what happened; and the notes that
are written on it.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.services import notes
from limits.decision import BALANCE_WINDOW, CREDIT_STOP, FINANCIAL_YEAR
from limits.models import Direction, LimitRule, write_limit
from ppims.backoffice.access import get_posted, is_fragment, open_page
from ppims.backoffice.customer.actions import list_buttons
from ppims.backoffice.customer.activity import read_activity
from ppims.backoffice.customer.months import group_months
from ppims.backoffice.customer.notes import NoteForm, list_notes
from ppims.backoffice.customer.profile import read_person
from ppims.backoffice.customer.reveal import is_revealed
from ppims.backoffice.customer.tasks import make_tasks
from ppims.backoffice.decision_text import explain_decision
from ppims.backoffice.filters import CURSOR_NAME, write_canonical_query
from ppims.core.formats import inr, ist_date
from ppims.reports.limit_status import DirectionStatus, LimitStatus, read_limit_status
from ppims.reports.open_items import list_open_items
from ppims.reports.past_months import list_past_months
from ppims.services.accounts import get_staff

PAGE_TEMPLATE, ROWS_PARTIAL = "ppims/customer.html", "ppims/transactions.html#rows"
LEFT_LABELS = {
    Direction.DEBIT: _("Left to spend this month"),
    Direction.CREDIT: _("Left to load this month"),
}
THIS_MONTH = {Direction.DEBIT: _("Spent this month"), Direction.CREDIT: _("Loaded this month")}


@open_page("customers.view_customer")
def customer(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Show a customer: masked, but for once where it has just been revealed. htmx gets the
    activity, or its next rows.
    """
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    found = get_object_or_404(Customer, pk=unique_id)
    happened, status = read_activity(request, found)
    if is_fragment(request):
        part = ROWS_PARTIAL if CURSOR_NAME in request.GET else f"{PAGE_TEMPLATE}#activity"
        return render(request, part, {"customer": found, **happened}, status=status)
    context = {**happened, **_describe(request, found), "note_form": NoteForm()}
    return render(request, PAGE_TEMPLATE, context, status=status)


@open_page("customers.add_customernote", methods=("GET", "POST"))
def customer_note(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Add a note: htmx gets the notes anew; without scripts the page comes back, or comes with what
    is wrong. Whoever only comes here is led to the notes.
    """
    found = get_object_or_404(Customer, pk=unique_id)
    form = NoteForm(get_posted(request))
    is_added = form.is_valid()
    if is_added:
        notes.add_note(customer_id=unique_id, user=get_staff(request), **form.cleaned_data)
    if is_fragment(request):
        shown = {"customer": found, "note_form": NoteForm() if is_added else form, "is_part": True}
        part, context = f"{PAGE_TEMPLATE}#notes", {**shown, **list_notes(request, found)}
        return render(request, part, context, status=200 if is_added else 422)
    if is_added or not form.is_bound:
        return redirect(f"{reverse('customer', args=[unique_id])}#notes")
    happened, _status = read_activity(request, found)
    context = {**happened, **_describe(request, found), "note_form": form}
    return render(request, PAGE_TEMPLATE, context, status=422)


def _describe(request: HttpRequest, found: Customer) -> dict[str, Any]:
    """Describe all of a customer but the activity."""
    shown = is_revealed(request, found.pk)
    now, items = read_limit_status(found), list_open_items(found.pk)
    declined = now.last_decline
    return {
        "customer": found,
        "buttons": list_buttons(found, get_staff(request), items),
        "ways": show_directions(now),
        "at": now.at,
        "tasks": make_tasks(items),
        "decline": declined,
        "why": explain_decision(declined) if declined else [],
        "person": read_person(found, is_revealed=shown),
        "months": group_months(list_past_months(found, now.at)),
        **list_notes(request, found),
    }


def show_directions(now: LimitStatus) -> list[dict[str, Any]]:
    """Write what is left each way, with the holds that are open."""
    return [
        show_direction(way)
        | {"holds": [hold for hold in now.holds if hold.direction == way.direction]}
        for way in now.ways
    ]


def describe_left(customer: Customer, direction: str) -> dict[str, Any]:
    """Write what is left of one way alone, as the customer's page does."""
    (way,) = [way for way in read_limit_status(customer).ways if way.direction == direction]
    return show_direction(way)


def show_direction(way: DirectionStatus) -> dict[str, Any]:
    """Write what is left of a way, its meters, and its other rules in words."""
    return {
        "way": way,
        "title": LEFT_LABELS[way.direction],
        "left": write_left(way.left, is_blocked=way.is_blocked),
        "this_month": THIS_MONTH[way.direction],
        "said": _write_left_by(way),
        "others": [write_rule(rule, way) for rule in way.others],
    }


def write_left(paise: int | None, *, is_blocked: bool) -> str:
    """Write what is left; a customer who is blocked has nothing, and sees why: "₹0.00, blocked"."""
    if is_blocked:
        return gettext("%(nothing)s, blocked") % {"nothing": inr(0)}
    return write_limit(paise)


def _write_left_by(way: DirectionStatus) -> str:
    if way.has_stopped:
        return gettext("Loading has stopped at this KYC.")
    if way.by and way.by.rule.window == FINANCIAL_YEAR and not way.is_blocked:
        return gettext("By the financial year’s limit, of which less is left than of the month’s.")
    return ""


def write_rule(rule: LimitRule, way: DirectionStatus) -> str:
    """Say a rule that has no meter: of one transaction, of the balance, of when loading stops."""
    amount = {"amount": inr(int(rule.amount or 0))}
    if rule.window == CREDIT_STOP:
        day = {"day": ist_date(way.stops_at)}
        if way.has_stopped:
            return gettext("Loading stopped on %(day)s, by the rule for this KYC.") % day
        return gettext("Loading stops on %(day)s, unless the KYC is upgraded.") % day
    if rule.window == BALANCE_WINDOW:
        return gettext("The balance may be at most %(amount)s at any time.") % amount
    return gettext("One transaction may be at most %(amount)s.") % amount

"""The page of a customer: what is left and what waits, who it is, what happened; and the notes that
are written on it.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from customers import people
from customers.models import Customer
from customers.services import notes
from ppims.backoffice.access import get_posted, is_fragment, open_page
from ppims.backoffice.customer.actions import list_buttons
from ppims.backoffice.customer.activity import read_activity
from ppims.backoffice.customer.left import show_directions
from ppims.backoffice.customer.merged_ids import find_person, find_root, redirect_to_survivor
from ppims.backoffice.customer.merging import list_merged
from ppims.backoffice.customer.months import group_months
from ppims.backoffice.customer.notes import NoteForm, list_notes
from ppims.backoffice.customer.profile import read_person
from ppims.backoffice.customer.reveal import is_revealed
from ppims.backoffice.customer.tasks import make_tasks
from ppims.backoffice.decision_text import explain_decision
from ppims.backoffice.filters import CURSOR_NAME, write_canonical_query
from ppims.reports.limit_status import read_limit_status
from ppims.reports.open_items import list_open_items
from ppims.reports.past_months import list_past_months
from ppims.services.accounts import get_staff

PAGE_TEMPLATE, ROWS_PARTIAL = "ppims/customer.html", "ppims/transactions.html#rows"


@open_page("customers.view_customer")
def customer(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Show a customer: masked, but for once where it has just been revealed. htmx gets the
    activity, or its next rows.
    """
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    root = find_root(unique_id)
    if root != unique_id:
        return redirect_to_survivor(request, unique_id, root)
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
    found = find_person(unique_id)
    form = NoteForm(get_posted(request))
    is_added = form.is_valid()
    if is_added:
        notes.add_note(customer_id=found.pk, user=get_staff(request), **form.cleaned_data)
    if is_fragment(request):
        shown = {"customer": found, "note_form": NoteForm() if is_added else form, "is_part": True}
        listed = list_notes(request, people.list_ids(found))
        part, context = f"{PAGE_TEMPLATE}#notes", {**shown, **listed}
        return render(request, part, context, status=200 if is_added else 422)
    if is_added or not form.is_bound:
        return redirect(f"{reverse('customer', args=[found.pk])}#notes")
    happened, _status = read_activity(request, found)
    context = {**happened, **_describe(request, found), "note_form": form}
    return render(request, PAGE_TEMPLATE, context, status=422)


def _describe(request: HttpRequest, found: Customer) -> dict[str, Any]:
    """Describe all of a customer but the activity."""
    shown, ids = is_revealed(request, found.pk), people.list_ids(found)
    now, items = read_limit_status(found), list_open_items(ids)
    person = read_person(found, ids, is_revealed=shown)
    declined = now.last_decline
    return {
        "customer": found,
        "buttons": list_buttons(found, get_staff(request), items),
        "ways": show_directions(now),
        "at": now.at,
        "tasks": make_tasks(items),
        "decline": declined,
        "why": explain_decision(declined) if declined else [],
        "person": person,
        "merged": list_merged(found, person.merged, get_staff(request)),
        "months": group_months(list_past_months(found, now.at)),
        **list_notes(request, ids),
    }

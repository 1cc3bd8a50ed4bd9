"""One difference between a processor's file and our books: what it is, where it is put right, and
the note that settles it.
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers import survivors
from customers.models import Customer
from limits.models import LedgerEntry, ReconciliationDifference
from limits.services import reconciliations
from limits.services.findings import find_owner
from ppims.backoffice.access import get_posted, go, open_page, render_form
from ppims.backoffice.transaction_detail import (
    Fact,
    write_correction_address,
    write_transaction_address,
)
from ppims.core import calendar
from ppims.core.errors import Conflict, Malformed
from ppims.core.formats import inr, ist, write_count
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE, User
from ppims.reports import keyset
from ppims.reports import reconciliations as report
from ppims.reports.records import Source
from ppims.services.accounts import get_staff

PAGE_TEMPLATE = "limits/reconciling/difference.html"
SETTLING_PERMISSION, CORRECTING_PERMISSION = (
    "limits.add_reconciliation",
    "limits.propose_adjustment",
)
Kind = ReconciliationDifference.Kind
KIND_MEANINGS = {
    Kind.AMOUNT: _("Both have it, with other amounts."),
    Kind.DIRECTION: _("They have it one way, and our books the other, under the same Tran_Id."),
    Kind.ONLY_THEIRS: _("Their file has it, and our books have no posting of it."),
    Kind.ONLY_OURS: _("Our books have it, and their file has no row of it."),
    Kind.REFUSED: _("This row of the file could not be read, so it was not compared."),
    Kind.OTHER_DAY: _("Both have it: only the day differs, or it was put right since."),
}
KIND_STEPS = {
    Kind.AMOUNT: _("Find out which amount is right. If theirs is, propose a correction."),
    Kind.DIRECTION: _(
        "Find out which is right. If theirs is, take the posting away, and add it the other way."
    ),
    Kind.ONLY_THEIRS: _(
        "Ask the processor to report it, by the API. If it can’t, propose a correction."
    ),
    Kind.ONLY_OURS: _("Ask the processor. If it never happened, propose a correction."),
    Kind.REFUSED: _("Have the file mended, and bring it again."),
}


class NoteForm(forms.Form):
    """What was done about a difference."""

    note = forms.CharField(
        label=_("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        error_messages={"required": _("Write what was done about it.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class Way(NamedTuple):
    """Where a difference is put right: an address, and what it is called."""

    address: str
    label: object


@open_page("limits.read_reports", methods=("GET", "POST"))
def difference(request: HttpRequest, difference_id: int) -> HttpResponse:
    """Show a difference with where to put it right, and take the note that settles it, which leads
    on to the next.
    """
    user = get_staff(request)
    may_settle = user.has_perm(SETTLING_PERMISSION)
    if request.method == "POST" and not may_settle:
        raise PermissionDenied
    found = _find(difference_id)
    form = NoteForm(get_posted(request))
    if form.is_valid() and _settle(found, form, user):
        messages.success(request, gettext("Settled."))
        return _go_on(request, found)
    entry = _find_entry(found)
    context = {
        "difference": found,
        "run": found.reconciliation,
        "meaning": KIND_MEANINGS[Kind(found.kind)],
        "step": KIND_STEPS.get(Kind(found.kind), ""),
        "facts": [fact for fact in _list_facts(found, entry) if fact.value],
        "ways": list(_list_ways(found, entry, user)),
        "may_settle": may_settle,
    }
    return render_form(request, PAGE_TEMPLATE, form, context)


def _find(difference_id: int) -> ReconciliationDifference:
    rows = ReconciliationDifference.objects.select_related(
        "reconciliation__processor", "settled_by"
    )
    found = rows.filter(pk=min(difference_id, keyset.PAST_ALL_IDS)).first()
    if found is None:
        raise Http404
    return found


def _settle(found: ReconciliationDifference, form: NoteForm, user: User) -> bool:
    """Settle a difference; False: it was refused, and the form says why."""
    try:
        reconciliations.settle(found.pk, note=form.cleaned_data["note"], user=user)
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return False
    return True


def _go_on(request: HttpRequest, settled: ReconciliationDifference) -> HttpResponse:
    """Lead to the next difference that is to be settled, else to the run."""
    if next_id := report.find_next_open(settled):
        return go(request, "difference", next_id)
    return go(request, "reconciliation", settled.reconciliation_id)


def _find_entry(found: ReconciliationDifference) -> LedgerEntry | None:
    if found.entry_id is None:
        return None
    entries = LedgerEntry.objects.filter(processor_id=found.reconciliation.processor_id)
    return entries.filter(pk=found.entry_id).first()


def _list_facts(found: ReconciliationDifference, entry: LedgerEntry | None) -> Iterator[Fact]:
    theirs, ours = found.their_paise, found.our_paise
    yield Fact(gettext("Type"), found.get_direction_display() if found.direction else "")
    yield Fact(gettext("Theirs"), inr(theirs) if theirs is not None else gettext("none"))
    yield Fact(gettext("Ours"), inr(ours) if ours is not None else gettext("none"))
    if entry:
        said = f"{entry.get_direction_display()}, {inr(entry.amount_paise)}, {ist(entry.at)}"
        yield Fact(
            gettext("Our posting"), said, address=write_transaction_address(Source.ENTRY, entry.pk)
        )
    rows = write_count(found.row_count)
    where = str(found.row_number) if found.row_count == 1 else f"{found.row_number} ({rows})"
    yield Fact(gettext("Row of the file"), where if found.row_number else "")
    yield Fact(gettext("Reason"), found.said)
    yield Fact("Tran_Id", found.tran_id, is_code=True)
    yield Fact("Ref_Id", found.ref_id, is_code=True)
    yield Fact("Unique_Id", str(found.unique_id or ""), is_code=True)


def _list_ways(
    found: ReconciliationDifference, entry: LedgerEntry | None, user: User
) -> Iterator[Way]:
    """List where this person may put it right."""
    may_correct = user.has_perm(CORRECTING_PERMISSION) and found.is_open
    if entry:
        if may_correct and _work_out_surplus(found, entry, of_theirs=False) > 0:
            yield Way(_write_correction(found, entry), _("Correct the posting"))
        if entry.flags:
            yield Way(reverse("flagged-posting", args=[entry.pk]), _("Flagged posting"))
    owner = find_owner(entry) if entry else _find_customer(found)
    if owner is None:
        return
    yield Way(reverse("customer", args=[owner]), _("Customer"))
    lacking = _work_out_surplus(found, entry, of_theirs=True)
    if may_correct and lacking > 0:
        day = calendar.find_midnight(found.reconciliation.until)
        month = entry.month if entry else calendar.number_ist_month(day)
        asked = {"month": month, "direction": found.direction, "paise": lacking}
        address = f"{reverse('customer-correct', args=[owner])}?{urlencode(asked)}"
        yield Way(address, _("Add by a correction"))


def _write_correction(found: ReconciliationDifference, entry: LedgerEntry) -> str:
    """Write where the posting is corrected, begun with what our books have too much."""
    address = write_correction_address(entry)
    surplus = _work_out_surplus(found, entry, of_theirs=False)
    return f"{address}&{urlencode({'paise': surplus})}"


def _work_out_surplus(
    found: ReconciliationDifference, entry: LedgerEntry | None, *, of_theirs: bool
) -> int:
    """Work out how much more the one side has; of what goes the other way in our books, all of
    it.
    """
    theirs, ours = found.their_paise or 0, found.our_paise or 0
    if entry and entry.direction != found.direction:
        return theirs if of_theirs else ours
    if entry and found.our_paise is None:  # it arrived on another day
        ours = entry.amount_paise
    return theirs - ours if of_theirs else ours - theirs


def _find_customer(found: ReconciliationDifference) -> int | None:
    """Find whom the file names, as merges lead; None: nobody."""
    if found.unique_id is None or not Customer.objects.filter(pk=found.unique_id).exists():
        return None
    return survivors.find_root(found.unique_id)

"""What waits for staff: review items, flagged postings, and refused reports."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import TextChoices
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.evidence import evidence_of
from customers.forms import ReasonForm
from customers.models import DuplicateReview
from customers.reviews import decide
from limits.findings import PostingFinding
from limits.models import LedgerEntry
from limits.refused_reports import RefusedReport, ReportFinding
from limits.services import flagged as findings
from limits.services import refused_reports
from ppims.errors import Conflict, Malformed
from ppims.free_text import validate
from ppims.models import LONGEST_NOTE
from ppims.pages.access import page, respond, staff
from ppims.pages.details import facts_of, facts_of_report, happened, transaction_address
from ppims.pages.lines import customer_address, lines_of, names_of
from ppims.reports import counting, flagged, refused, reviews, transactions
from ppims.reports.keyset import Page, Position
from ppims.reports.transactions import Source

T = TypeVar("T")
DONE, CURSOR = "done", "after"
OUTCOMES = DuplicateReview.Outcome
# What a decision leads to.
EFFECTS = {
    OUTCOMES.SAME_PERSON: gettext_lazy("When it is sent again, it finds the customer on record."),
    OUTCOMES.NUMBER_PASSED_ON: gettext_lazy(
        "The customer on record loses the number; sent again, it is its new owner’s."
    ),
    OUTCOMES.DIFFERENT_PEOPLE: gettext_lazy("Nothing changes: what was claimed stays refused."),
}
TO_BE_MERGED = gettext_lazy("Two records of one person: it stays here until they can be merged.")


class NoteForm(forms.Form):
    """What was found out."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


# Review items.


@page("customers.view_duplicatereview")
def reviews_list(request: HttpRequest) -> HttpResponse:
    """List the review items that wait, or those that were decided."""
    is_done = DONE in request.GET
    found = _read(reviews.decided if is_done else reviews.waiting, request)
    rows = [(item, customer_address(item.customer_id)) for item in found.rows]
    return _list(request, "ppims/reviews.html", found, rows, is_done=is_done)


@page("customers.view_duplicatereview", methods=("GET", "POST"))
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Set record and claim side by side, and take a decision with its reason."""
    _refuse_unless(request, "customers.decide_duplicatereview")
    item = get_object_or_404(DuplicateReview.objects.select_related(*reviews.WITH), pk=review_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _is_decided(request, item, form):
        label = OUTCOMES(request.POST["outcome"]).label
        messages.success(request, _("Decided: %(outcome)s.") % {"outcome": label})
        return redirect("reviews")
    context = {
        "item": item,
        "evidence": evidence_of(item),
        "customer_address": customer_address(item.customer_id),
        "claimant_address": customer_address(item.claimant_id) if item.claimant_id else "",
        "form": form,
        "outcomes": _outcomes_of(item),
    }
    status = 422 if form.errors else 200
    return render(request, "ppims/review.html", context, status=status)


def _outcomes_of(item: DuplicateReview) -> list[tuple[DuplicateReview.Outcome, object]]:
    """List what it may be found to be, and what that leads to."""
    effects = {**EFFECTS, OUTCOMES.SAME_PERSON: TO_BE_MERGED} if item.claimant_id else EFFECTS
    return [
        (outcome, effect)
        for outcome, effect in effects.items()
        if item.is_by_mobile or outcome != OUTCOMES.NUMBER_PASSED_ON
    ]


def _is_decided(request: HttpRequest, item: DuplicateReview, form: ReasonForm) -> bool:
    outcome = request.POST.get("outcome", "")
    if outcome not in OUTCOMES.values:
        form.add_error(None, _("Choose what it is."))
        return False
    reason = form.cleaned_data["reason"]
    try:
        decide(review_id=item.pk, outcome=outcome, reason=reason, user=staff(request))
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.in_words())
        return False
    return True


# Flagged postings.


@page("limits.view_ledgerentry")
def flagged_list(request: HttpRequest) -> HttpResponse:
    """List the flagged postings that wait for a finding, or those that were closed."""
    if DONE in request.GET:
        closed = _read(flagged.closed, request)
        names = names_of(finding.customer_id for finding in closed.rows)
        rows: list[Any] = [
            (finding, names[finding.customer_id], customer_address(finding.customer_id))
            for finding in closed.rows
        ]
        return _list(request, "ppims/flagged.html", closed, rows, is_done=True)

    def waiting(*, cursor: str) -> Page[transactions.Row]:
        return flagged.waiting(counting.flagged_after(), cursor=cursor)

    found = _read(waiting, request)
    return _list(request, "ppims/flagged.html", found, lines_of(found.rows), is_done=False)


@page("limits.view_ledgerentry", methods=("GET", "POST"))
def flagged_posting(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Say what happened and what was noted, and take a note, or a finding that closes it."""
    _refuse_unless(request, "limits.add_postingfinding")
    entries = LedgerEntry.objects.exclude(flags="").select_related("limit_check")
    entry = get_object_or_404(entries, pk=entry_id)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(findings.note, entry_id=entry.pk, user=staff(request))
        if _is_noted(request, form, PostingFinding.Finding, keep):
            return _after_note(request, PostingFinding.Finding, "flagged-posting", entry.pk)
    (row,) = transactions.read([Position(0, flagged.RANK, entry.pk)])
    (line,) = lines_of([row])
    context = {
        "entry": entry,
        "line": line,
        "happened": happened(entry),
        "facts": facts_of(row, staff(request)),
        "notes": findings.notes_of(entry),
        "form": form,
        "findings": PostingFinding.Finding,
        "is_closed": findings.closing_of(entry) is not None,
        "may_note": staff(request).has_perm("limits.add_postingfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "ppims/flagged_posting.html", context, status=status)


# Refused reports.


@page("limits.view_refusedreport")
def refused_list(request: HttpRequest) -> HttpResponse:
    """List the refused reports that wait for a finding, or those that were closed."""
    template = "ppims/refused_reports.html"
    if DONE in request.GET:
        closed = _read(refused.closed, request)
        return _list(request, template, closed, closed.rows, is_done=True)
    found = _read(partial(refused.waiting, counting.refused_after()), request)
    return _list(request, template, found, found.rows, is_done=False)


@page("limits.view_refusedreport", methods=("GET", "POST"))
def refused_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Set what was refused beside what is posted, say what to do, and take a note, or a finding
    that closes it.
    """
    _refuse_unless(request, "limits.add_reportfinding")
    report = get_object_or_404(RefusedReport.objects.select_related(*refused.WITH), pk=report_id)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(refused_reports.note, report_id=report.pk, user=staff(request))
        if _is_noted(request, form, ReportFinding.Finding, keep):
            return _after_note(request, ReportFinding.Finding, "refused-report", report.pk)
    context = {
        "report": report,
        "posting_address": transaction_address(Source.ENTRY, report.posting_id),
        "customer_address": customer_address(report.customer_id),
        "facts": facts_of_report(report),
        "notes": refused_reports.notes_of(report),
        "form": form,
        "findings": ReportFinding.Finding,
        "is_closed": refused_reports.closing_of(report) is not None,
        "may_note": staff(request).has_perm("limits.add_reportfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "ppims/refused_report.html", context, status=status)


# What they share.

LIST_OF = {"flagged-posting": "flagged", "refused-report": "refused-reports"}


def _is_noted(
    request: HttpRequest, form: NoteForm, kinds: type[TextChoices], keep: Callable[..., object]
) -> bool:
    """Keep what was filled in, as a note or as a finding of these kinds; or say why not."""
    finding = request.POST.get("finding", "")
    if finding and finding not in kinds.values:
        form.add_error(None, _("Choose what it is."))
        return False
    try:
        keep(finding=finding, note=form.cleaned_data["note"])
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.in_words())
        return False
    return True


def _after_note(
    request: HttpRequest, kinds: type[TextChoices], here: str, row_id: int
) -> HttpResponse:
    if not request.POST.get("finding"):
        messages.success(request, _("The note is kept."))
        return redirect(here, row_id)
    label = kinds(request.POST["finding"]).label
    messages.success(request, _("Closed: %(finding)s.") % {"finding": label})
    return redirect(LIST_OF[here])


def _read(report: Callable[..., Page[T]], request: HttpRequest) -> Page[T]:
    try:
        return report(cursor=request.GET.get(CURSOR, ""))
    except Malformed:
        raise Http404 from None


def _list(
    request: HttpRequest, template: str, found: Page[T], rows: Sequence[Any], *, is_done: bool
) -> HttpResponse:
    asked = {DONE: "1"} if is_done else {}
    context = {
        "rows": rows,
        "is_done": is_done,
        "is_cut_short": found.is_cut_short,
        "more": urlencode({**asked, CURSOR: found.next}) if found.next else "",
    }
    return respond(request, template, context, partial="rows")


def _refuse_unless(request: HttpRequest, permission: str) -> None:
    """Let whoever may read look, and only who has the permission send."""
    if request.method == "POST" and not staff(request).has_perm(permission):
        raise PermissionDenied

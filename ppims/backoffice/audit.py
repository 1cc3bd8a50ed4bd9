"""The audit: who did what, about whom, last first; one entry with all of it; and as a file."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.search import UNIQUE_ID_DIGITS
from customers.services import disclosures
from ppims.backoffice.access import find_viewer, is_fragment, open_page, respond
from ppims.backoffice.audit_rows import AuditLine, list_audit_facts, make_audit_lines
from ppims.backoffice.audit_text import ACTION_GROUPS, ACTION_NAMES
from ppims.backoffice.csv_files import stream_file
from ppims.backoffice.filters import (
    CURSOR_NAME,
    OWN_FRAME,
    FrameForm,
    read_processors,
    set_choices,
    write_canonical_query,
    write_next_query,
)
from ppims.backoffice.seals import read_proof
from ppims.backoffice.transaction_rows import DAY_PARAMETER
from ppims.core import calendar, clock
from ppims.models import AuditEntry, User
from ppims.reports import keyset
from ppims.reports.audit import AuditFilters, list_audit
from ppims.services import access
from ppims.services.audit import read_detail
from ppims.wire.reply_fields import write_date, write_instant

PAGE_TEMPLATE = "ppims/audit.html"
ROWS_AT_ONCE = 500  # of a file; as many are in memory at a time
ACTION_BY_SLUG = {slugify(action): action for action in ACTION_NAMES}


class AuditForm(FrameForm):
    """Which entries are looked for; every field may be left out. Nobody's name stands in an
    address.
    """

    person = forms.TypedChoiceField(label=_("Who"), required=False, coerce=int, empty_value=None)
    action = forms.ChoiceField(label=_("Event"), required=False)
    customer = forms.RegexField(
        rf"\A[1-9][0-9]{{{UNIQUE_ID_DIGITS - 1}}}\Z",
        label=_("Customer’s Unique id"),
        required=False,
        error_messages={"invalid": _("Enter all 15 digits of the Unique id.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": UNIQUE_ID_DIGITS}),
    )
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    field_order = ("action", "customer", "person", "processor", "when", "since", "until")

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.processors = read_processors()
        people = User.objects.order_by("username").values_list("pk", "username")
        events = [
            (group, [(slugify(action), name) for action, name in actions.items()])
            for group, actions in ACTION_GROUPS.items()
        ]
        set_choices(self, "person", people, _("Anybody"))
        set_choices(self, "action", events)
        set_choices(self, "processor", [(name, name) for name in self.processors])

    def make_filters(self, at: datetime) -> AuditFilters:
        """Return what a valid form looks for, at an instant."""
        said = self.cleaned_data
        processor = self.processors.get(said["processor"])
        return AuditFilters(
            user_id=said["person"],
            action=ACTION_BY_SLUG.get(said["action"]),
            customer_id=int(said["customer"]) if said["customer"] else None,
            processor_id=processor.pk if processor else None,
            frame=self.make_frame(at),
        )


@open_page("ppims.view_auditentry")
def audit(request: HttpRequest) -> HttpResponseBase:
    """List what the filters in the address let through; htmx gets the list, or its next rows."""
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    form = AuditForm(request.GET)
    if not form.is_valid():
        context = {"form": form, "has_days": True, "proof": _read_proof_once(request)}
        return respond(request, PAGE_TEMPLATE, context, partial="found", status=422)
    found = list_audit(form.make_filters(clock.now()), cursor=request.GET.get(CURSOR_NAME, ""))
    lines = make_audit_lines(found.rows)
    asked = form.list_asked()
    shown = lines[-1].day.isoformat() if lines else request.GET.get(DAY_PARAMETER, "")
    context = {
        "form": form,
        "proof": _read_proof_once(request),
        "has_days": asked.get("when") == OWN_FRAME,
        "asked": asked,
        "lines": lines,
        "shown_day": request.GET.get(DAY_PARAMETER, "") if is_fragment(request) else "",
        "is_cut_short": found.is_cut_short,
        "more": write_next_query(found, {**asked, DAY_PARAMETER: shown} if shown else asked),
    }
    part = "rows" if CURSOR_NAME in request.GET else "found"
    return respond(request, PAGE_TEMPLATE, context, partial=part)


def _read_proof_once(request: HttpRequest) -> dict[str, Any]:
    """Read what stands above the list; not for a list alone."""
    return {} if is_fragment(request) else read_proof(clock.now())


@open_page("ppims.view_auditentry")
def audit_entry(request: HttpRequest, entry_id: int) -> HttpResponseBase:
    """Show all that an entry tells; htmx gets its row, open or closed again."""
    entry = AuditEntry.objects.filter(pk=min(entry_id, keyset.PAST_ALL_IDS)).first()
    if entry is None:
        raise Http404
    (line,) = make_audit_lines([entry])
    context: dict[str, Any] = {"line": line}
    if "closed" not in request.GET:
        context["facts"] = list_audit_facts(entry)
    template = f"{PAGE_TEMPLATE}#row" if is_fragment(request) else "ppims/audit_entry.html"
    return render(request, template, context)


# As a file.


@open_page("customers.export_customer", methods=("POST",))
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """Send all entries that the filters let through, masked as on the page; it is on record."""
    form, at = AuditForm(request.POST), clock.now()
    if not form.is_valid():
        messages.error(request, gettext("These filters don’t fit: nothing was exported."))
        return redirect("audit")
    access.flush_failures()
    filters = form.make_filters(at)
    disclosures.export_audit(
        asked=form.list_asked(),
        customer_id=filters.customer_id,
        since=filters.frame.since,
        until=filters.frame.until,
        viewer=find_viewer(request),
    )
    head = (gettext("Time (India)"), gettext("Event"), gettext("Who"), gettext("Unique id"))
    more = (gettext("Reason"), gettext("Reference"))
    name = f"audit-{write_date(calendar.find_ist_day(at))}.csv"
    return stream_file(name, (*head, *more), _read_batches(filters))


def _read_batches(filters: AuditFilters) -> Iterator[list[list[str]]]:
    """Read all lines, last first, some at a time."""

    def read(cursor: str) -> keyset.Page[AuditEntry]:
        return list_audit(filters, cursor=cursor, rows=ROWS_AT_ONCE)

    for page in keyset.read_every_page(read):
        if page.rows:
            yield [_write_cells(line) for line in make_audit_lines(page.rows)]


def _write_cells(line: AuditLine) -> list[str]:
    entry, detail = line.entry, read_detail(line.entry)
    reason = detail.get("reason") or detail.get("decision_note") or ""
    about = str(entry.subject or "")
    told = (line.said, line.who, about, str(reason), str(detail.get("ref_id", "")))
    return [write_instant(entry.at), *told]

"""Bringing a processor's file to be compared; and the template of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from limits.models import Reconciliation
from limits.reconcile import storing
from limits.reconcile.reading import COLUMN_NAMES, NEEDED_NAMES, BookedFile, write_template
from limits.services import reconciliations
from limits.services.reconciliations import FileBrought
from ppims.backoffice.access import (
    get_posted,
    go,
    open_page,
    render_form,
)
from ppims.backoffice.brought_file import BroughtFileForm, SealingHandler, require_no_nul, take_file
from ppims.backoffice.csv_files import CONTENT_TYPE
from ppims.core import clock
from ppims.core.calendar import find_ist_day
from ppims.core.days import DayField
from ppims.core.errors import Conflict, Malformed
from ppims.services.accounts import get_staff
from ppims.services.brought_files import Stored

TEMPLATE_NAME = "reconcile-template.csv"
PAGE_TEMPLATE = "limits/reconciling/bring.html"


class FileForm(BroughtFileForm):
    """Whose file, of which days. One that may call no more may have booked before."""

    field_order = ("processor", "since", "until", "file")
    since = DayField(label=_("First day"), error_messages={"required": _("Enter the first day.")})
    until = DayField(
        label=_("Last day"),
        error_messages={"required": _("Enter the last day.")},
        help_text=_("India’s days, both included."),
    )

    def refuse(self, refusal: Conflict | Malformed) -> None:
        """Say why it was refused, beside its field."""
        for name, said in refusal.errors:
            field = name if name in self.fields else None
            self.add_error(field, f"The {name} {said}." if field else f"{name} {said}.")


@csrf_exempt  # until there is what takes the file: csrf_protect below reads the body
@open_page("limits.add_reconciliation", methods=("GET", "POST"))
def reconciliation_bring(request: HttpRequest) -> HttpResponseBase:
    """Take a processor's file, and have it compared."""
    with take_file(request, begin=storing.begin_file, forget=_forget) as handler:
        return _bring(request, handler)


def _forget(stored: Stored) -> None:
    storing.delete(stored.stored_as)


@csrf_protect
def _bring(request: HttpRequest, handler: SealingHandler) -> HttpResponse:
    require_no_nul(request)
    posted = get_posted(request)
    form = FileForm(posted, request.FILES or None, initial=_begin_with_last_month())
    if handler.fault:
        form.errors.pop("file", None)
        form.add_error("file", handler.fault)
    run = _begin(request, form, handler) if form.is_valid() else None
    if run is None:
        return _render(request, form)
    messages.success(request, gettext("The file is here, and is being compared."))
    return go(request, "reconciliation", run.pk)


def _begin(request: HttpRequest, form: FileForm, handler: SealingHandler) -> Reconciliation | None:
    """Begin a run with the form's file; None: the form says why not."""
    said, stored = form.cleaned_data, handler.stored
    since, until = said["since"], said["until"]
    assert stored
    try:
        reconciliations.require_days(since, until, clock.now())
        content = storing.open_file(stored.stored_as, stored.key_id)
        BookedFile(content, since, until)  # its head alone
        run = reconciliations.begin(
            processor=said["processor"],
            since=since,
            until=until,
            file=FileBrought(name=said["file"].name, **vars(stored)),
            user=get_staff(request),
        )
    except (Conflict, Malformed) as refusal:
        form.refuse(refusal)
        return None
    handler.stored = None  # it is on record: it stays
    return run


def _render(request: HttpRequest, form: FileForm) -> HttpResponse:
    context = {
        "needed": NEEDED_NAMES,
        "optional": [name for name in COLUMN_NAMES if name not in NEEDED_NAMES],
    }
    return render_form(request, PAGE_TEMPLATE, form, context)


def _begin_with_last_month() -> dict[str, Any]:
    this_month = find_ist_day(clock.now()).replace(day=1)
    last_day = this_month.fromordinal(this_month.toordinal() - 1)
    return {"since": last_day.replace(day=1), "until": last_day}


@open_page("limits.read_reports")
def reconciliation_template(request: HttpRequest) -> HttpResponse:
    """Send an example of a file."""
    response = HttpResponse(write_template(), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{TEMPLATE_NAME}"'
    return response

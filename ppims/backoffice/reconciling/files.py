"""Bringing a processor's file to be compared; and the template of one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from limits.models import Reconciliation
from limits.reconcile.reading import COLUMN_NAMES, NEEDED_NAMES, BookedFile, write_template
from limits.services import reconciliations
from limits.services.reconciliations import FileBrought
from ppims.backoffice.access import NUL_CHARACTER, get_posted, go, list_texts, open_page
from ppims.backoffice.csv_files import CONTENT_TYPE
from ppims.core import clock
from ppims.core.calendar import find_ist_day
from ppims.core.days import DayField
from ppims.core.errors import Conflict, Malformed
from ppims.models import Processor
from ppims.server.uploads import MOST_BODY_BYTES, MOST_FILE_BYTES, StoringHandler
from ppims.services import brought_files
from ppims.services.accounts import get_staff

TEMPLATE_NAME = "reconcile-template.csv"
PAGE_TEMPLATE = "limits/reconciling/bring.html"


class FileForm(forms.Form):
    """Whose file, of which days."""

    processor = forms.ModelChoiceField(
        label=_("Processor"),
        queryset=Processor.objects.order_by("system_id"),
        empty_label=_("Choose one"),
        error_messages={"required": _("Choose the processor.")},
    )
    since = DayField(label=_("First day"), error_messages={"required": _("Enter the first day.")})
    until = DayField(
        label=_("Last day"),
        error_messages={"required": _("Enter the last day.")},
        help_text=_("India’s days, both included."),
    )
    file = forms.FileField(
        label=_("File"),
        widget=forms.FileInput({"accept": ".csv,text/csv"}),
        help_text=_("CSV in UTF-8, at most 64 MiB."),
        error_messages={
            "required": _("Choose the file."),
            "empty": _("The file is empty."),
            "invalid": _("Choose the file."),
        },
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
    if request.method != "POST":
        return _bring(request, None)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BODY_BYTES:
        return _refuse_too_large(request, FileForm())
    storing = StoringHandler(request)
    handlers: list[FileUploadHandler] = [storing]
    request.upload_handlers = handlers
    try:
        return _bring(request, storing)
    finally:
        storing.remove_others()


@csrf_protect
def _bring(request: HttpRequest, storing: StoringHandler | None) -> HttpResponse:
    if any(NUL_CHARACTER in text for text in list_texts(request.POST)):
        raise BadRequest("A NUL was sent")
    files = request.FILES if storing else None
    form = FileForm(get_posted(request), files, initial=_begin_with_last_month())
    if storing is None or not form.is_valid():
        return _render(request, form, status=422 if form.is_bound else 200)
    if form.cleaned_data["file"].size > MOST_FILE_BYTES:
        return _refuse_too_large(request, form)
    run = _begin(request, form)
    if run is None:
        return _render(request, form, status=422)
    storing.kept_name = run.stored_as
    messages.success(request, gettext("The file is here, and is being compared."))
    return go(request, "reconciliation", run.pk)


def _begin(request: HttpRequest, form: FileForm) -> Reconciliation | None:
    """Begin a run with the form's file; None: the form says why not."""
    said = form.cleaned_data
    file, since, until = said["file"], said["since"], said["until"]
    try:
        reconciliations.require_days(since, until, clock.now())
        BookedFile(brought_files.Opened(file.stored_as), since, until)  # its head alone
        return reconciliations.begin(
            processor=said["processor"],
            since=since,
            until=until,
            file=FileBrought(file.name, file.digest, file.size, file.stored_as),
            user=get_staff(request),
        )
    except (Conflict, Malformed) as refusal:
        form.refuse(refusal)
        return None


def _refuse_too_large(request: HttpRequest, form: FileForm) -> HttpResponse:
    said = gettext("The file has more than 64 MiB: split it, by days.")
    if form.is_bound:
        form.add_error("file", said)
        return _render(request, form, status=413)
    return _render(request, form, status=413, fault=said)


def _render(request: HttpRequest, form: FileForm, *, status: int, fault: str = "") -> HttpResponse:
    context = {
        "form": form,
        "fault": fault,
        "needed": NEEDED_NAMES,
        "optional": [name for name in COLUMN_NAMES if name not in NEEDED_NAMES],
    }
    return render(request, PAGE_TEMPLATE, context, status=status)


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

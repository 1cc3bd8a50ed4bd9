"""Bring a file of customers. Its body is read here, once it is known who sends it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from customers.imports import storing
from customers.models import ImportFile
from customers.services import imports
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.brought_file import BroughtFileForm, SealingHandler, require_no_nul, take_file
from ppims.backoffice.imports.pages import PROPOSE_RIGHT
from ppims.core.errors import Refusal, Unavailable
from ppims.models import Processor
from ppims.services.accounts import get_staff
from ppims.services.brought_files import Stored


class FileForm(BroughtFileForm):
    """Whose customers, and the file."""

    of_states = (Processor.State.ACTIVE,)


@csrf_exempt  # only until the handler is set: `_answer` checks it, once it has read the body
@open_page(PROPOSE_RIGHT, methods=("GET", "POST"))
def import_new(request: HttpRequest) -> HttpResponse:
    """Bring a file, which is read at once."""
    with take_file(request, begin=storing.begin_file, forget=_forget) as handler:
        return _answer(request, handler)


def _forget(stored: Stored) -> None:
    storing.delete_unrecorded(stored.stored_as)


@csrf_protect
def _answer(request: HttpRequest, handler: SealingHandler) -> HttpResponse:
    require_no_nul(request)
    form = FileForm(get_posted(request), request.FILES or None)
    if handler.fault:
        form.errors.pop("file", None)
        form.add_error("file", handler.fault)
    if form.is_valid() and (file := _keep_file(form, handler, request)):
        messages.success(request, _("The file is here. It is read now; nothing is added yet."))
        return redirect("import-file", file.pk)
    return render_form(request, "ppims/imports/new.html", form, {})


def _keep_file(form: FileForm, handler: SealingHandler, request: HttpRequest) -> ImportFile | None:
    """Put the file on record; None, and errors in the form: it can't be."""
    assert handler.stored
    try:
        file = imports.keep_file(
            processor=form.cleaned_data["processor"],
            name=form.cleaned_data["file"].name,
            stored=vars(handler.stored),
            user=get_staff(request),
            is_read_by_job=True,
        )
    except Unavailable:
        raise
    except Refusal as refusal:
        form.add_error("file", refusal.describe())
        return None
    handler.stored = None  # it is on record: it stays
    return file

"""Calls: what processors were refused, by processor."""

from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from ppims.backoffice.access import open_page, respond
from ppims.models import Processor
from ppims.reports import calls as report

PAGE_TEMPLATE, CURSOR_NAME = "ppims/calls.html", "after"


class ProcessorForm(forms.Form):
    """Whose calls; left out: all."""

    processor = forms.ChoiceField(label=_("Processor"), required=False)

    def __init__(self, asked: object) -> None:
        super().__init__(asked)  # type: ignore[arg-type]  # a QueryDict
        known = Processor.objects.order_by("system_id").values_list("system_id", "pk")
        self.processors = dict(known)
        field: forms.ChoiceField = self.fields["processor"]  # type: ignore[assignment]
        field.choices = [("", _("All")), *((name, name) for name in self.processors)]


@open_page("ppims.view_refusedcall")
def calls(request: HttpRequest) -> HttpResponse:
    """List the refused calls of the processor in the address; htmx gets the list, or its next
    rows.
    """
    form = ProcessorForm(request.GET)
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="found", status=422)
    asked = form.cleaned_data["processor"]
    found = report.list_calls(form.processors.get(asked), cursor=request.GET.get(CURSOR_NAME, ""))
    context = {
        "form": form,
        "calls": found.rows,
        "days": settings.PPIMS_CALLS_DAYS,
        "more": urlencode({"processor": asked, CURSOR_NAME: found.next}) if found.next else "",
    }
    return respond(
        request, PAGE_TEMPLATE, context, partial="rows" if CURSOR_NAME in request.GET else "found"
    )

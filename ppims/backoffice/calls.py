"""Calls: what processors were refused, by processor."""

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext_lazy as _

from ppims.backoffice.access import open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    read_processors,
    set_choices,
    write_next_query,
)
from ppims.reports.calls import list_calls

PAGE_TEMPLATE = "ppims/calls.html"


class ProcessorForm(forms.Form):
    """Whose calls; left out: all."""

    processor = forms.ChoiceField(label=_("Processor"), required=False)

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.processors = read_processors()
        set_choices(self, "processor", [(name, name) for name in self.processors])


@open_page("ppims.view_refusedcall")
def calls(request: HttpRequest) -> HttpResponse:
    """List the refused calls of the processor in the address; htmx gets the list, or its next
    rows.
    """
    form = ProcessorForm(request.GET)
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="found", status=422)
    processor = form.processors.get(form.cleaned_data["processor"])
    whose = processor.pk if processor else None
    found = list_calls(whose, cursor=request.GET.get(CURSOR_NAME, ""))
    context = {
        "form": form,
        "calls": found.rows,
        "days": settings.PPIMS_CALLS_DAYS,
        "more": write_next_query(found, form.cleaned_data),
    }
    part = "rows" if CURSOR_NAME in request.GET else "found"
    return respond(request, PAGE_TEMPLATE, context, partial=part)

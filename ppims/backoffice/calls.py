"""Calls: what processors sent and were answered; in production what they were refused."""

from typing import Any

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
from ppims.reports.calls import CallFilters, list_calls

PAGE_TEMPLATE = "ppims/calls.html"
REFUSED_SLUG = "refused"
LONGEST_NUMBER = 64  # a request id


class CallForm(forms.Form):
    """Whose calls, which of them, and by which number; what is left out: all."""

    processor = forms.ChoiceField(label=_("Processor"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    number = forms.RegexField(
        r"\A[A-Za-z0-9_-]+\Z",
        label=_("Ref_Id, Tran_Id or request id"),
        required=False,
        max_length=LONGEST_NUMBER,
        error_messages={
            "invalid": _("Enter the whole number: letters, digits, “-” and “_”."),
            "max_length": _("Enter the whole number: it has 64 characters at most."),
        },
    )

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.processors = read_processors()
        set_choices(self, "processor", [(name, name) for name in self.processors])
        if settings.PPIMS_KEEPS_BODIES:
            set_choices(self, "outcome", [(REFUSED_SLUG, _("Refused"))])
        else:  # no others are kept
            del self.fields["outcome"]

    def make_filters(self) -> CallFilters:
        """Return what a valid form looks for."""
        said = self.cleaned_data
        processor = self.processors.get(said["processor"])
        return CallFilters(
            processor_id=processor.pk if processor else None,
            is_refused=said.get("outcome") == REFUSED_SLUG,
            number=said["number"],
        )


@open_page("ppims.view_keptcall")
def calls(request: HttpRequest) -> HttpResponse:
    """List the calls that the address asks for; htmx gets the list, or its next rows."""
    form = CallForm(request.GET)
    context: dict[str, Any] = {"form": form, "has_bodies": settings.PPIMS_KEEPS_BODIES}
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, context, partial="found", status=422)
    asked = {name: value for name, value in form.cleaned_data.items() if value}
    found = list_calls(form.make_filters(), cursor=request.GET.get(CURSOR_NAME, ""))
    context |= {
        "calls": found.rows,
        "is_filtered": bool(asked),
        "days": settings.PPIMS_CALLS_DAYS,
        "more": write_next_query(found, asked),
    }
    part = "rows" if CURSOR_NAME in request.GET else "found"
    return respond(request, PAGE_TEMPLATE, context, partial=part)

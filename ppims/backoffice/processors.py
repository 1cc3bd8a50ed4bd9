"""Processors: who calls us, with the ways to what was refused, and to the API's documents."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ppims.backoffice.access import open_page
from ppims.models import Processor


@open_page("ppims.view_processor")
def processors(request: HttpRequest) -> HttpResponse:
    """List the processors: they are few."""
    found = Processor.objects.only("system_id", "name", "state", "hold_minutes")
    context = {
        "processors": found.order_by("system_id"),
        "hold_minutes": settings.PPIMS_HOLD_MINUTES,  # of those that have none of their own
    }
    return render(request, "ppims/processors.html", context)

"""What is said where a page can't be: whole, or as the fragment that htmx asked for."""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template import loader

from ppims.backoffice.access import has_role, name_template, respond
from ppims.core.errors import ClockMoved, Unavailable
from ppims.db import outages
from ppims.models import FailedAccess, User
from ppims.services.access import count_failure, find_source


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond(request, "400.html", partial="said", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that the role doesn't open it; or to who has none, that nothing opens without one. It is
    counted, and makes an entry of the audit with others of its quarter of an hour.
    """
    user = getattr(request, "user", None)
    if isinstance(user, User):
        source = find_source(request)
        count_failure(user=user, source=source, kind=FailedAccess.Kind.PAGE)
    template = "no_role.html" if isinstance(user, User) and not has_role(user) else "403.html"
    return respond(request, template, partial="said", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond(request, "404.html", partial="said", status=404)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    return respond(request, "403_csrf.html", partial="said", status=403)


def answer_fault(request: HttpRequest) -> HttpResponse:
    """Answer for a page that failed: 503 where the database is busy or away, else 500.

    Without request or context: nothing that could fail once more.
    """
    error = sys.exception()
    cause = error.__cause__ if isinstance(error, Unavailable) else error
    is_away = outages.is_outage(cause)
    if cause and is_away:
        outages.report_outage(cause)
    status = 503 if is_away or isinstance(error, Unavailable) else 500
    template = name_template(request, f"{status}.html", "said")
    context = {"has_clock_moved": isinstance(error, ClockMoved)}
    response = HttpResponse(loader.render_to_string(template, context), status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        refusal = error if isinstance(error, Unavailable) else Unavailable()
        response["Retry-After"] = str(refusal.retry_after_seconds)
    return response

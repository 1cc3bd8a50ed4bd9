"""A baseline: one django-ninja operation that reads its body and answers with it, in Django's
smallest project.
"""

from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI, Schema

api = NinjaAPI(openapi_url=None)


class Body(Schema):
    """A request's envelope."""

    Data: dict[str, Any]
    Risk: dict[str, Any]


@api.post("/check-customer-kyc")
def echo(request: HttpRequest, body: Body) -> Body:
    """Answer what was sent."""
    return body


urlpatterns = [path("api/PPIM/v1/", api.urls)]
application = get_wsgi_application()

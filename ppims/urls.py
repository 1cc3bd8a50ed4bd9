"""All addresses but the API's operations, which ppims/api/dispatch.py answers before: its
documentation under each prefix, health, the admin, the back office.
"""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, include, path
from django.views.generic import RedirectView

from ppims.api import pages
from ppims.backoffice import access, errors, login
from ppims.server import health


def list_documentation(prefix: str) -> list[URLPattern]:
    """List the pages of the API's documentation, as they are under a prefix."""
    known = {"prefix": prefix}
    return [
        path("docs", pages.docs, known, name="docs"),
        path("docs/<slug:operation>", pages.operation_docs, known, name="operation"),
        path("openapi.json", pages.openapi, known, name="openapi"),
    ]


# Django looks for these very names.
handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.answer_fault

urlpatterns = [
    *(
        path(
            f"{prefix}/",
            include((list_documentation(prefix), "api"), f"api-{place}" if place else "api"),
        )
        for place, prefix in enumerate(settings.PPIMS_API_PREFIXES)
    ),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    # Log-in, log-out and password are the back office's, for the admin too.
    path("admin/login/", access.send_back),
    path("admin/logout/", login.log_out),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/favicon.svg")),
    path("", include("ppims.backoffice.urls")),
]

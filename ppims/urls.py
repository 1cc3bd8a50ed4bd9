"""All addresses: the API under each of its prefixes, health, the admin, the back office."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ppims.api.root import api
from ppims.backoffice import access, errors, login
from ppims.server import health

pattern, app_name, namespace = api.urls

# Django looks for these very names.
handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.answer_fault

urlpatterns = [
    *(
        path(f"{prefix}/", (pattern, app_name, namespace if place == 0 else f"{namespace}-{place}"))
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

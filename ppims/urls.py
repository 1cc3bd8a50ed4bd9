"""All addresses: the API under each of its prefixes, health, the admin."""

from django.conf import settings
from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from ppims import health
from ppims.api import api

pattern, app_name, namespace = api.urls

handler500 = health.fault  # Django looks for this very name

urlpatterns = [
    *(
        path(f"{prefix}/", (pattern, app_name, namespace if place == 0 else f"{namespace}-{place}"))
        for place, prefix in enumerate(settings.PPIMS_API_PREFIXES)
    ),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]

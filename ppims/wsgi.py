"""What gunicorn serves."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ppims.settings")

# `python3 -m ppims` says so sooner; commands that serve nobody need no host.
if settings.PRODUCTION and not settings.ALLOWED_HOSTS:
    raise ImproperlyConfigured("Production needs PPIMS_ALLOWED_HOSTS.")

application = get_wsgi_application()

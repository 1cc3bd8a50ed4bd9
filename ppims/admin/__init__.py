"""The admin of the root: users and processors."""

from django.contrib import admin
from django.contrib.auth.models import Group

from ppims.admin import processors, staff

__all__ = ["processors", "staff"]

# What a role may do is decided in ppims.core.roles, not on a page.
admin.site.unregister(Group)

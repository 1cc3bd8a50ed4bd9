"""The admin of the root: users, processors and the audit; customers with their usage."""

from django.contrib import admin
from django.contrib.auth.models import Group

from ppims.admin import people, processors, staff

__all__ = ["people", "processors", "staff"]

# What a role may do is decided in ppims.core.roles, not on a page.
admin.site.unregister(Group)

"""Django's admin: rows to look through. They are changed on pages, by two admins
(ppims/backoffice).
"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from ppims.admin import tables

__all__ = ["tables"]

# What a role may do is decided in ppims.core.roles, not on a page. By its admin's import it is
# registered, whichever app comes first.
assert isinstance(admin.site.get_model_admin(Group), GroupAdmin)
admin.site.unregister(Group)

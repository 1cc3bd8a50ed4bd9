"""The admin of the root: processors. People of the staff have pages of their own
(ppims/backoffice/staff), where two admins change them.
"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from ppims.admin import processors

__all__ = ["processors"]

# What a role may do is decided in ppims.core.roles, not on a page. By its admin's import it is
# registered, whichever app comes first.
assert isinstance(admin.site.get_model_admin(Group), GroupAdmin)
admin.site.unregister(Group)

"""The admin of the root. People of the staff and processors have pages of their own, where two
admins change them (ppims/backoffice).
"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

# What a role may do is decided in ppims.core.roles, not on a page. By its admin's import it is
# registered, whichever app comes first.
assert isinstance(admin.site.get_model_admin(Group), GroupAdmin)
admin.site.unregister(Group)

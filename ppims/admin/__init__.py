"""The admin of the root: users, processors and the audit; customers with their usage."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from ppims.admin import people, staff
from ppims.models import User

__all__ = ["people", "staff"]


def _may_enter(request: HttpRequest) -> bool:
    """Staff, but not with a password that an admin knows."""
    user = request.user
    return (
        isinstance(user, User)
        and user.is_active
        and user.is_staff
        and not user.has_one_time_password
    )


# What a role may do is decided in ppims.roles, not on a page.
admin.site.unregister(Group)
admin.site.site_header = admin.site.site_title = "PPIMS"
admin.site.index_title = "Administration"
admin.site.site_url = "/"
admin.site.has_permission = _may_enter  # type: ignore[method-assign]

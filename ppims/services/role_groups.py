"""The staff's roles as Django's groups."""

from django.contrib.auth.models import Group, Permission

from ppims.core.roles import ROLES
from ppims.models import User


def set_up() -> None:
    """Give each role's group exactly its permissions, and make who is in one, only them, staff.

    It may run any number of times.
    """
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in Permission.objects.select_related("content_type")
    }
    for role, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in names])
    in_a_role = User.objects.filter(groups__name__in=ROLES)
    plain = User.objects.filter(is_superuser=False)
    plain.filter(is_staff=False, pk__in=in_a_role).update(is_staff=True)
    plain.filter(is_staff=True).exclude(pk__in=in_a_role).update(is_staff=False)

"""Who may do what: the roles, the admins, log-ins that nobody uses; and the processors."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group

from ppims.core import calendar
from ppims.core.formats import name_count
from ppims.core.roles import ROLES
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.models import Processor, User
from ppims.services import staff_ties, unused
from ppims.services.processors import is_password_overdue

MOST_PEOPLE = 1_000
ACTIVE_PEOPLE = "active person", "active people"
STAFF_MEND = "look at Settings, Staff, or python3 -m ppims manage access_review"
PROCESSOR_MEND = "propose it under Settings, Processors"


def check_roles(at: datetime) -> Iterator[Finding]:
    """Check that each role has exactly its rights, and that nobody stands above all rules."""
    groups = Group.objects.prefetch_related("permissions__content_type")
    rights = {
        group.name: {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()}
        for group in groups
    }
    others = sorted(role for role, names in ROLES.items() if rights.get(role, set()) != set(names))
    if others:
        mend = "restart PPIMS: each start sets them"
        yield refuse(
            "staff.roles", f"other rights than the program gives: {', '.join(others)}", mend
        )
    else:
        yield approve("staff.roles", f"{len(ROLES)} roles, with their rights")
    above = User.objects.filter(is_active=True, is_superuser=True).count()
    own = User.objects.filter(is_active=True, user_permissions__isnull=False).distinct().count()
    if above or own:
        said = f"{above} superusers and {own} people with rights by themselves: no rule binds them"
        yield refuse(
            "staff.above", said, "see python3 -m ppims manage access_review; deactivate them"
        )


def check_admins(at: datetime) -> Iterator[Finding]:
    """Check that there are two admins, who alone can change limits and staff."""
    number = len(staff_ties.list_able_admins(at))
    mend = "python3 -m ppims manage createsuperuser"
    if number == 0:
        yield refuse("staff.admins", "no admin can log in", mend)
    elif number == 1:
        said = "one admin can log in: nobody approves what that one proposes"
        yield warn("staff.admins", said, f"{mend}, or propose one under Settings, Staff")
    else:
        yield approve("staff.admins", f"{number} admins can log in")


def check_staff(at: datetime) -> Iterator[Finding]:
    """Check for people without a second factor, long unused, or whose password lapsed unopened."""
    people = list(User.objects.filter(is_active=True).order_by("pk")[:MOST_PEOPLE])
    if settings.PPIMS_SECOND_FACTOR:
        there = User.objects.filter(is_active=True, second_factor__confirmed_at__isnull=False)
        known = set(there.values_list("pk", flat=True))
        without = sum(each.pk not in known for each in people)
        said = f"without a second factor yet: {name_count(without, *ACTIVE_PEOPLE)}"
        yield _judge_count("staff.second_factor", without, said, STAFF_MEND)
    idle = sum(unused.find_unused_since(each, at) is not None for each in people)
    since = f"not logged in for {unused.SHOWN_AFTER_DAYS} days"
    said = f"{since}: {name_count(idle, *ACTIVE_PEOPLE)}"
    yield _judge_count("staff.unused", idle, said, f"deactivate them: {STAFF_MEND}")
    lapsed = sum(each.has_one_time_password_of_before(at) for each in people)
    said = f"lapsed before another was chosen: {name_count(lapsed, 'one-time password')}"
    yield _judge_count("staff.one_time", lapsed, said, "propose a reset under Settings, Staff")


def check_processors(at: datetime) -> Iterator[Finding]:
    """Check the processors' passwords, and from where they may call."""
    active = list(Processor.objects.exclude(state=Processor.State.DISABLED).order_by("pk"))
    if not active:
        mend = f"{PROCESSOR_MEND}: nobody can call"
        yield warn("processors.any", "there is no processor that may call", mend)
        return
    today = calendar.find_ist_day(at)
    old = [each.system_id for each in active if is_password_overdue(each, today)]
    said = f"older than {settings.PPIMS_PASSWORD_DAYS} days: the password of {', '.join(old)}"
    yield _judge_count("processors.passwords", len(old), said, f"a new password: {PROCESSOR_MEND}")
    if settings.PRODUCTION:
        unknown = [each.system_id for each in active if each.password_at is None]
        said = f"of unknown age: the password of {', '.join(unknown)}"
        mend = f"a new password: {PROCESSOR_MEND}"
        yield _judge_count("processors.age", len(unknown), said, mend)
        anywhere = [each.system_id for each in active if not each.networks]
        said = f"may call from anywhere: {', '.join(anywhere)}"
        yield _judge_count(
            "processors.networks", len(anywhere), said, f"networks: {PROCESSOR_MEND}"
        )


def _judge_count(name: str, count: int, said: str, mend: str) -> Finding:
    return warn(name, said, mend) if count else approve(name, "none to look at")

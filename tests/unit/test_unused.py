"""People who haven't logged in for long: shown, and by a setting deactivated."""

from datetime import timedelta

import pytest

from ppims.core import calendar, clock
from ppims.core.calendar import find_midnight
from ppims.maintenance.watch import watch
from ppims.models import AuditEntry, StaffChange, StaffSession, User
from ppims.reports import staff as report
from ppims.services import audit
from ppims.services.sessions import SessionStore
from ppims.services.unused import deactivate_unused, find_unused_since
from tests.factories import make_password_once
from tests.web.admin_pages import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a-password-of-tests"
# Half past midnight in India, which is the day before in UTC.
NOW = find_midnight(calendar.date(2031, 6, 17)) + timedelta(minutes=30)


def make_person(role="viewer", *, days=None, at=NOW, **fields):
    """Make somebody who logged in so many days ago; None: never, and was added long ago."""
    last = None if days is None else at - timedelta(days=days)
    joined = NOW - timedelta(days=400)
    known = {"password": make_password_once(PASSWORD), "date_joined": joined, "last_login": last}
    return make_user(role, **{**known, **fields})


def is_active(user):
    return User.objects.get(pk=user.pk).is_active


@pytest.mark.parametrize(("days", "is_shown"), [(89, False), (90, True)])
def test_it_is_shown_from_ninety_days_on(days, is_shown):
    user = make_person(days=days)
    (person,) = report.list_people(NOW)
    assert (person.unused_since == user.last_login) == is_shown
    assert (person.unused_since is None) != is_shown


def test_the_days_are_indias_to_the_minute_before_midnight():
    midnight = find_midnight(calendar.date(2031, 3, 19))  # ninety days before
    late, early = midnight - timedelta(seconds=1), midnight
    assert find_unused_since(make_person(last_login=late), NOW) == late
    assert find_unused_since(make_person(last_login=early), NOW) == early
    next_midnight = midnight + timedelta(days=1)
    assert find_unused_since(make_person(last_login=next_midnight), NOW) is None
    last_second = next_midnight - timedelta(seconds=1)
    assert find_unused_since(make_person(last_login=last_second), NOW) == last_second


def test_who_never_logged_in_is_unused_since_they_were_added():
    user = make_person()
    assert find_unused_since(user, NOW) == user.date_joined
    new = make_person(date_joined=NOW - timedelta(days=89))
    assert find_unused_since(new, NOW) is None


@pytest.mark.parametrize(("days", "is_left"), [(89, True), (90, False)])
def test_the_setting_deactivates_from_its_days_on_and_is_audited(settings, days, is_left):
    settings.PPIMS_DEACTIVATE_UNUSED_DAYS = 90
    user = make_person(days=days)
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session.save()
    assert deactivate_unused(NOW) == (not is_left)
    assert is_active(user) == is_left
    assert StaffSession.objects.filter(user=user).exists() == is_left
    deeds = AuditEntry.objects.filter(action="user deactivated: unused")
    said = [(row.user, audit.read_detail(row)) for row in deeds]
    assert said == ([] if is_left else [(None, {"username": user.username, "days": 90})])
    assert deactivate_unused(NOW) == 0  # and not twice


def test_without_the_setting_nobody_is():
    user = make_person(days=3000)
    assert deactivate_unused(NOW) == 0
    assert is_active(user)


def test_never_the_last_admin_who_can_log_in_nor_a_superuser(settings):
    settings.PPIMS_DEACTIVATE_UNUSED_DAYS = 90
    first, second = make_person("admin", days=200), make_person("admin", days=100)
    above = make_person(days=200, is_superuser=True)
    assert deactivate_unused(NOW) == 1
    assert [is_active(each) for each in (first, second, above)] == [False, True, True]


def test_an_admin_who_can_not_log_in_keeps_none(settings):
    settings.PPIMS_DEACTIVATE_UNUSED_DAYS = 90
    only = make_person("admin", days=200)
    make_person("admin", days=100, password="!")  # unusable
    deactivate_unused(NOW)
    assert is_active(only)


@pytest.mark.parametrize("kind", ["ACTIVATE", "RESET"])
@pytest.mark.parametrize(("days", "is_left"), [(89, True), (90, False)])
def test_who_is_let_in_again_has_as_long_as_somebody_new(settings, kind, days, is_left):
    settings.PPIMS_DEACTIVATE_UNUSED_DAYS = 90
    user, maker, checker = (make_person(role) for role in ("viewer", "admin", "admin"))
    decided = NOW - timedelta(days=days)
    StaffChange.objects.create(
        kind=kind,
        person=user,
        username=user.username,
        reason="back from leave",
        state="APPROVED",
        maker=maker,
        checker=checker,
        proposed_at=decided,
        decided_at=decided,
    )
    deactivate_unused(NOW)
    assert is_active(user) == is_left


def test_the_daily_watch_does_it(settings):
    settings.PPIMS_DEACTIVATE_UNUSED_DAYS = 90
    user = make_person(days=90, at=clock.now(), date_joined=clock.now())
    watch()
    assert not is_active(user)

"""What `manage doctor` finds of rules, people and upkeep: each thing good, and wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, Permission

from limits.models import LimitRule
from limits.services import seals
from ppims.core import clock
from ppims.core.roles import ROLES
from ppims.maintenance import upkeep as watched_upkeep
from ppims.maintenance.doctor import examination, people, rules, upkeep
from ppims.maintenance.doctor.findings import Level
from ppims.models import Job, Processor, SecondFactor, User
from ppims.services import backups, jobs, role_groups
from tests.commands.doctor_looks import AT, look
from tests.factories import make_notice, make_processor, make_rule
from tests.web.admin_pages import make_user

# `db` by name, for only then a test has the application's rights.
pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.as_the_application]


# Rules, people, processors.


def test_a_kyc_without_a_limit_is_worth_a_look_and_no_rule_at_all_is_wrong():
    assert look(rules.check_rules) == {"rules.now": Level.GOOD, "rules.next_month": Level.GOOD}
    next_month = datetime(2031, 6, 30, 18, 30, tzinfo=UTC)  # 1 July in India
    month = {"tier": "N", "direction": "D", "window": "MONTH", "amount": None}
    make_rule(**month, in_force_from=next_month)
    assert look(rules.check_rules) == {"rules.now": Level.GOOD, "rules.next_month": Level.WARNING}
    assert look(rules.check_rules, next_month)["rules.now"] == Level.WARNING
    LimitRule.objects.update(state="REJECTED")
    assert look(rules.check_rules)["rules.now"] == Level.WRONG


def test_a_role_with_other_rights_and_whoever_stands_above_is_wrong():
    role_groups.set_up()
    assert look(people.check_roles) == {"staff.roles": Level.GOOD}
    admin = make_user("admin", is_superuser=True)
    assert look(people.check_roles)["staff.above"] == Level.WRONG
    User.objects.update(is_superuser=False)
    assert look(people.check_roles) == {"staff.roles": Level.GOOD}
    admin.user_permissions.add(Permission.objects.first())
    assert look(people.check_roles)["staff.above"] == Level.WRONG
    Group.objects.get(name="viewer").permissions.add(Permission.objects.get(codename="make_seal"))
    assert look(people.check_roles)["staff.roles"] == Level.WRONG
    assert set(ROLES) == set(Group.objects.values_list("name", flat=True))


def test_there_are_two_admins_who_can_log_in():
    for level in (Level.WRONG, Level.WARNING, Level.GOOD):
        assert look(people.check_admins) == {"staff.admins": level}
        make_user("admin", password="x")


def test_people_who_need_a_look(settings):
    settings.PPIMS_SECOND_FACTOR = True
    names = ("staff.second_factor", "staff.unused", "staff.one_time")
    user = make_user("maker", last_login=AT - timedelta(days=89))
    factor = SecondFactor(user=user, key_id="x", sealed=b"x", confirmed_at=AT)
    factor.save()
    assert look(people.check_staff) == dict.fromkeys(names, Level.GOOD)
    SecondFactor.objects.update(confirmed_at=None)
    given = AT - timedelta(hours=24)
    User.objects.update(last_login=AT - timedelta(days=90), one_time_password_at=given)
    assert look(people.check_staff) == dict.fromkeys(names, Level.WARNING)
    settings.PPIMS_SECOND_FACTOR = False
    assert "staff.second_factor" not in look(people.check_staff)
    User.objects.update(is_active=False)
    assert look(people.check_staff)["staff.unused"] == Level.GOOD


def test_processors_that_need_a_look(settings):
    settings.PRODUCTION = False
    assert look(people.check_processors) == {"processors.any": Level.WARNING}
    ent = make_processor(password_at=AT - timedelta(days=365), networks="203.0.113.0/24")
    assert look(people.check_processors) == {"processors.passwords": Level.GOOD}
    settings.PRODUCTION = True
    names = ("processors.passwords", "processors.age", "processors.networks")
    assert look(people.check_processors) == dict.fromkeys(names, Level.GOOD)
    Processor.objects.update(networks="", password_at=AT - timedelta(days=366))
    found = look(people.check_processors)
    assert found == dict(zip(names, (Level.WARNING, Level.GOOD, Level.WARNING), strict=True))
    Processor.objects.update(password_at=None)
    assert look(people.check_processors)["processors.age"] == Level.WARNING
    ent.refresh_from_db()
    Processor.objects.update(state="DISABLED")
    assert look(people.check_processors) == {"processors.any": Level.WARNING}


# Upkeep.


@pytest.fixture
def _long_here(monkeypatch):
    monkeypatch.setattr(watched_upkeep, "_find_first_day", lambda: AT - timedelta(days=100))


@pytest.mark.usefixtures("_long_here")
def test_what_is_overdue_is_worth_a_look_until_it_is_made(settings):
    settings.PRODUCTION = True
    names = ("upkeep.seal", "upkeep.verification", "upkeep.backup")
    assert look(upkeep.check_upkeep) == dict.fromkeys(names, Level.WARNING)
    with clock.freeze(AT):
        seal = seals.make_patiently()
        jobs.record_done(Job.Kind.VERIFY, began_at=AT, arguments={}, result={"findings": 0})
        backups.record_made(seal=seal.number)
    assert look(upkeep.check_upkeep) == dict.fromkeys(names, Level.GOOD)
    settings.PRODUCTION = False
    assert "upkeep.backup" not in look(upkeep.check_upkeep)


def test_what_failed_or_found_something_is_wrong(settings):
    settings.PRODUCTION = True
    with clock.freeze(AT):
        jobs.record_done(Job.Kind.VERIFY, began_at=AT, arguments={}, result={"findings": 2})
        backups.record_failed(OSError("no room"))
        with clock.freeze(AT):
            found = list(examination._look(upkeep.check_upkeep))
    bad = {each.name: each.text.split(";")[0] for each in found if each.level == Level.WRONG}
    assert bad == {
        "upkeep.verification": "the last one found 2",
        "upkeep.backup": "the last one failed",
    }


def test_somebody_does_the_background_work():
    assert look(upkeep.check_runner) == {
        "upkeep.runner": Level.WARNING,
        "upkeep.notices": Level.GOOD,
    }
    with clock.freeze(AT - timedelta(days=2)):
        jobs.record_done(Job.Kind.WATCH, began_at=AT, arguments={}, result={})
    assert look(upkeep.check_runner)["upkeep.runner"] == Level.GOOD
    assert look(upkeep.check_runner, AT + timedelta(seconds=1))["upkeep.runner"] == Level.WARNING
    with clock.freeze(AT - timedelta(seconds=61)):
        jobs.ask(Job.Kind.SEAL, owner=make_user("admin"))
        make_notice()
    assert look(upkeep.check_runner) == {
        "upkeep.runner": Level.WRONG,
        "upkeep.notices": Level.WARNING,
    }

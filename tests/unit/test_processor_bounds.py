"""Where a processor may call from, how often, and how old its password is: changed by two, and
told.
"""

import json
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from limits.models import Notice
from ppims.core import calendar
from ppims.models import AuditEntry, Processor
from ppims.services import audit, processor_changes, processors
from ppims.services.processor_changes import PROCESSOR_PROPOSALS, NewProcessor, Terms
from tests.factories import make_notice, make_password_once, make_processor
from tests.web.admin_pages import make_user

pytestmark = pytest.mark.django_db
INSTANT = timedelta(microseconds=1)


def make_admin():
    return make_user("admin", password=make_password_once("a-password-of-tests"))


@pytest.fixture
def one():
    return make_admin()


@pytest.fixture
def two():
    return make_admin()


def add(user, processor):
    return processor_changes.propose_adding(processor=processor, reason="Goes live", user=user)


def edit(user, processor, **bounds):
    terms = Terms(processor.name, processor.hold_minutes, **bounds)
    return processor_changes.propose_edit(
        processor_id=processor.pk, terms=terms, reason="Asked", user=user
    )


def approve(change, user):
    PROCESSOR_PROPOSALS.decide(proposal_id=change.pk, state="APPROVED", user=user, note="Seen")


def test_networks_and_rate_are_changed_by_two_and_audited_with_what_they_were(one, two):
    ent = make_processor("ENT", networks="10.0.0.0/8")
    change = edit(one, ent, networks="192.0.2.0/24", requests_per_second=50)
    assert Processor.objects.get().networks == "10.0.0.0/8"
    approve(change, two)
    ent.refresh_from_db()
    assert (ent.networks, ent.requests_per_second) == ("192.0.2.0/24", 50)
    detail = json.loads(AuditEntry.objects.latest("pk").detail)
    assert detail["before"]["networks"] == "10.0.0.0/8"
    assert detail["before"]["requests_per_second"] is None
    assert detail["after"]["requests_per_second"] == 50
    approve(edit(two, ent), one)
    ent.refresh_from_db()
    assert (ent.networks, ent.requests_per_second) == ("", None)


def test_one_is_added_with_networks_and_a_rate(one, two):
    bounds = {"networks": "10.0.0.0/8 2001:db8::/32", "requests_per_second": 1}
    approve(add(one, NewProcessor("UPI", "UPI switch", **bounds)), two)
    row = Processor.objects.get()
    assert {name: getattr(row, name) for name in bounds} == bounds


@pytest.mark.parametrize("rate", [1, 100_000])
def test_a_rate_may_be_one_or_a_lakh(one, two, rate):
    approve(add(one, NewProcessor("UPI", "UPI switch", requests_per_second=rate)), two)
    assert Processor.objects.get().requests_per_second == rate


def test_of_those_that_are_there_the_audit_says_when_their_last_password_was_made():
    migration = import_module("ppims.migrations.0017_processor_bounds")
    for number in range(3):
        make_processor(f"P{number}")
    for days, system_id in ((1, "P0"), (2, "P1"), (3, "P0"), (4, "GONE")):
        at = datetime(2031, 1, days, tzinfo=UTC)
        audit.record("processor given a new password", at=at, detail={"system_id": system_id})
    migration.find_when_passwords_were_made(apps, SimpleNamespace(connection=connection))
    made_at = dict(Processor.objects.values_list("system_id", "password_at"))
    assert made_at == {
        "P0": datetime(2031, 1, 3, tzinfo=UTC),
        "P1": datetime(2031, 1, 2, tzinfo=UTC),
        "P2": None,
    }


def test_notices_that_are_there_move_down_for_those_of_passwords():
    migration = import_module("limits.migrations.0018_password_notices")
    for kind in Notice.Kind:
        if kind != Notice.Kind.PASSWORD:
            make_notice(kind=kind, processor=None)
    now = list(Notice.objects.order_by("pk").values_list("urgency", flat=True))
    migration.move_up(apps, SimpleNamespace(connection=connection))
    assert list(Notice.objects.order_by("pk").values_list("urgency", flat=True)) != now
    migration.move_down(apps, SimpleNamespace(connection=connection))
    assert list(Notice.objects.order_by("pk").values_list("urgency", flat=True)) == now


def test_no_password_is_younger_than_none_such_as_where_the_clock_went_back():
    today = date(2031, 6, 17)
    row = Processor(password_at=calendar.find_midnight(today) + timedelta(days=3))
    assert row.count_password_days(today) == 0


@pytest.mark.parametrize(
    ("age", "most", "state", "is_overdue"),
    [
        (365, 365, "ACTIVE", False),
        (366, 365, "ACTIVE", True),
        (366, 365, "WINDING_DOWN", True),
        (366, 365, "DISABLED", False),
        (2, 1, "ACTIVE", True),
        (9_999, 0, "ACTIVE", False),
        (None, 365, "ACTIVE", False),
    ],
)
def test_a_password_is_overdue_when_it_is_older_than_the_setting(
    settings, age, most, state, is_overdue
):
    settings.PPIMS_PASSWORD_DAYS = most
    today = date(2031, 6, 17)
    at = calendar.find_midnight(today) - timedelta(days=age - 1) - INSTANT if age else None
    row = Processor(state=state, password_at=at)
    assert row.count_password_days(today) == age
    assert processors.is_password_overdue(row, today) == is_overdue

"""Changes of processors: by two admins, or by one where there is no other; what takes something
away, by one; and the password, which is made once.
"""

import json
from datetime import timedelta

import pytest

from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import AuditEntry, Processor, ProcessorChange
from ppims.services import audit, credentials, processor_changes, processors
from ppims.services.processor_changes import (
    PROCESSOR_PROPOSALS,
    SHEET_LASTS,
    NewProcessor,
    Terms,
)
from tests.factories import make_password_once, make_processor
from tests.web.admin_pages import make_user

pytestmark = pytest.mark.django_db
UPI = NewProcessor("UPI", "UPI switch")
UNBOUND = {"networks": "", "requests_per_second": None}
INSTANT = timedelta(microseconds=1)
A_WEEK = timedelta(days=7)


def make_admin():
    return make_user("admin", password=make_password_once("a-password-of-tests"))


@pytest.fixture
def one():
    return make_admin()


@pytest.fixture
def two():
    return make_admin()


def add(user, processor=UPI):
    return processor_changes.propose_adding(processor=processor, reason="Goes live", user=user)


def renew(user, processor, keep_days=7):
    return processor_changes.propose_password(
        processor_id=processor.pk, keep_days=keep_days, reason="Yearly", user=user
    )


def edit(user, processor, name="Cards", hold_minutes=30, **bounds):
    terms = Terms(name, hold_minutes, **bounds)
    return processor_changes.propose_edit(
        processor_id=processor.pk, terms=terms, reason="Asked", user=user
    )


def enable(user, processor):
    return processor_changes.propose_enabling(
        processor_id=processor.pk, reason="Back again", user=user
    )


def decide(change, user, state="APPROVED", note="Seen"):
    return PROCESSOR_PROPOSALS.decide(proposal_id=change.pk, state=state, user=user, note=note)


def open_sheet(change, user):
    return processor_changes.open_sheet(change_id=change.pk, user=user)


def read_last_entry():
    return AuditEntry.objects.latest("pk")


def list_actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def describe_refusal(refused):
    return refused.value.describe()


# Two admins.


def test_one_is_added_once_a_second_admin_approves_and_has_no_password_yet(one, two):
    change = add(one)
    assert not Processor.objects.exists()
    decide(change, two)
    row = Processor.objects.get()
    assert (row.system_id, row.username, row.name) == ("UPI", "PPIM_UPI", "UPI switch")
    assert (row.state, row.hold_minutes) == ("ACTIVE", None)
    assert row.password.startswith("!")
    assert list_actions()[-2:] == ["processor change proposed", "processor change approved"]


@pytest.mark.parametrize("state", ["REJECTED", "WITHDRAWN"])
def test_rejected_or_withdrawn_nothing_changes(one, two, state):
    ent = make_processor("ENT", state="DISABLED")
    decide(enable(one, ent), two if state == "REJECTED" else one, state)
    ent.refresh_from_db()
    assert ent.state == "DISABLED"


def test_nobody_approves_their_own(one, two):
    change = add(one)
    with pytest.raises(Conflict):
        decide(change, one)
    assert not Processor.objects.exists()


@pytest.mark.parametrize("state", ["DISABLED", "WINDING_DOWN"])
def test_one_is_enabled_by_two(one, two, state):
    ent = make_processor("ENT", state=state)
    change = enable(one, ent)
    assert Processor.objects.get().state == state
    decide(change, two)
    assert Processor.objects.get().state == "ACTIVE"
    detail = json.loads(read_last_entry().detail)
    assert (detail["before"], detail["after"]) == ({"state": state}, {"state": "ACTIVE"})
    assert (detail["reason"], read_last_entry().user) == ("Back again", two)


def test_an_edit_changes_name_and_hold_and_says_what_they_were(one, two):
    ent = make_processor("ENT", name="Card", hold_minutes=5)
    decide(edit(one, ent, "Cards", None), two)
    ent.refresh_from_db()
    assert (ent.name, ent.hold_minutes) == ("Cards", None)
    detail = json.loads(read_last_entry().detail)
    assert detail["before"] == {**UNBOUND, "name": "Card", "hold_minutes": 5}
    assert detail["after"] == {**UNBOUND, "name": "Cards", "hold_minutes": None}


@pytest.mark.parametrize(
    "moved",
    [{"hold_minutes": 9}, {"networks": "10.0.0.0/8"}, {"requests_per_second": 9}, {"name": "X"}],
)
def test_what_moved_meanwhile_is_not_carried_out(one, two, moved):
    ent = make_processor("ENT")
    change = edit(one, ent)
    Processor.objects.update(**moved)
    with pytest.raises(Conflict):
        decide(change, two)
    row = Processor.objects.get()
    assert {name: getattr(row, name) for name in moved} == moved


def test_names_that_were_taken_meanwhile_are_not_given_twice(one, two):
    change = add(one)
    make_processor("UPI")
    assert processor_changes.find_stale([change], clock.now()) == {change.pk}
    with pytest.raises(Conflict) as refused:
        decide(change, two)
    assert "system id belongs to another" in describe_refusal(refused)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"system_id": "A B"}, "system_id"),
        ({"system_id": "A" * 33}, "system_id"),
        ({"system_id": ""}, "system_id"),
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"username": "a b"}, "username"),
        ({"hold_minutes": 0}, "hold_minutes"),
        ({"hold_minutes": 1441}, "hold_minutes"),
        ({"networks": "10.0.0.5/8"}, "networks"),
        ({"networks": "192.0.2.0/24 10.0.0.0/8"}, "networks"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"requests_per_second": 100_001}, "requests_per_second"),
    ],
)
def test_a_wrong_field_is_named(one, fields, field):
    with pytest.raises(Malformed) as refused:
        add(one, NewProcessor(**{"system_id": "UPI", "name": "UPI switch", **fields}))
    assert field in [name for name, _ in refused.value.errors]
    assert not ProcessorChange.objects.exists()


@pytest.mark.parametrize("minutes", [1, 1440])
def test_a_hold_may_last_a_minute_or_a_day(one, two, minutes):
    decide(add(one, NewProcessor("UPI", "UPI switch", hold_minutes=minutes)), two)
    assert Processor.objects.get().hold_minutes == minutes


@pytest.mark.parametrize("taken", ["system_id", "username"])
def test_a_name_of_another_is_refused(one, taken):
    make_processor("ENT", username="THEIRS")
    fields = {"system_id": "ENT"} if taken == "system_id" else {"username": "THEIRS"}
    with pytest.raises(Conflict) as refused:
        add(one, NewProcessor(**{"system_id": "UPI", "name": "UPI switch", **fields}))
    assert [name for name, _ in refused.value.errors] == [taken]


def test_one_change_of_a_processor_waits_at_a_time(one, two):
    ent = make_processor("ENT")
    change = edit(one, ent)
    with pytest.raises(Conflict):
        renew(two, ent)
    decide(change, two)
    renew(two, ent)


@pytest.mark.parametrize("make", [enable, lambda user, it: edit(user, it, it.name, None)])
def test_what_would_change_nothing_is_no_proposal(one, make):
    with pytest.raises(Conflict):
        make(one, make_processor("ENT"))


@pytest.mark.parametrize("days", [-1, 8])
def test_an_old_password_is_kept_for_a_week_at_most(one, days):
    with pytest.raises(Malformed):
        renew(one, make_processor("ENT"), days)


# One admin, where there is no other.


def test_with_one_admin_it_counts_at_once_and_waits_to_be_confirmed(one):
    change = add(one)
    assert (change.state, Processor.objects.get().system_id) == ("ALONE", "UPI")
    assert list_actions()[-1] == "processor change alone"
    open_sheet(change, one)
    decide(change, make_admin())
    assert list_actions()[-2:] == ["processor given a new password", "processor change confirmed"]


# The password.


def test_whoever_proposed_it_makes_the_password_and_no_one_else_and_once(one, two):
    change = add(one)
    with pytest.raises(Conflict):
        open_sheet(change, one)  # not approved
    decide(change, two)
    with pytest.raises(Conflict):
        open_sheet(change, two)
    processor, password = open_sheet(change, one)
    assert len(password) >= credentials.PROVEN_FROM_CHARACTERS
    kept = Processor.objects.get().password
    assert kept == processor.password
    assert (processor.former_password, processor.former_until) == ("", None)
    with pytest.raises(Conflict) as refused:
        open_sheet(change, one)
    assert "shown already" in describe_refusal(refused)
    assert Processor.objects.get().password == kept
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))
    assert read_last_entry().action == "processor given a new password"


@pytest.mark.parametrize(
    ("after", "is_open"), [(SHEET_LASTS - INSTANT, True), (SHEET_LASTS, False)]
)
def test_a_sheet_is_open_for_a_week(one, two, after, is_open):
    change = decide(add(one), two)
    with clock.freeze(change.decided_at + after):
        at = clock.now()
        assert bool(processor_changes.list_open_sheets(one, at)) == is_open
        if is_open:
            open_sheet(change, one)
            assert processor_changes.list_open_sheets(one, at) == []
        else:
            with pytest.raises(Conflict):
                open_sheet(change, one)


def test_sheets_of_others_are_not_listed(one, two):
    decide(add(one), two)
    assert processor_changes.list_open_sheets(two, clock.now()) == []


@pytest.mark.parametrize("days", [0, 1, 7])
def test_the_old_password_works_as_many_days_as_was_approved_from_the_new_one_on(one, two, days):
    ent = make_processor("ENT")
    change = decide(renew(one, ent, days), two)
    at = change.decided_at + timedelta(hours=5)
    with clock.freeze(at):
        row, _ = open_sheet(change, one)
    ent.refresh_from_db()
    assert ent.former_until == (at + timedelta(days=days) if days else None)
    assert bool(ent.former_password) == bool(days)
    assert ent.password_at == at
    assert row.password == ent.password


def test_one_whose_first_password_was_never_made_has_none_to_keep(one, two):
    decide(add(one), two)
    change = decide(renew(one, Processor.objects.get()), two)
    open_sheet(change, one)
    assert Processor.objects.get().former_password == ""


def test_where_the_audit_fails_there_is_no_new_password(one, two, monkeypatch):
    change = decide(add(one), two)
    before = Processor.objects.get().password

    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        open_sheet(change, one)
    assert Processor.objects.get().password == before
    change.refresh_from_db()
    assert change.password_given_at is None


# By one admin, at once.


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (processors.disable, "ACTIVE", "DISABLED"),
        (processors.disable, "WINDING_DOWN", "DISABLED"),
        (processors.wind_down, "ACTIVE", "WINDING_DOWN"),
        (processors.disable, "DISABLED", None),
        (processors.wind_down, "WINDING_DOWN", None),
        (processors.wind_down, "DISABLED", None),
    ],
)
def test_one_admin_takes_away_and_never_gives_back(one, act, before, after):
    ent = make_processor("ENT", state=before)
    if after is None:
        with pytest.raises(Conflict):
            act(processor_id=ent.pk, reason="Asked", user=one)
        assert not AuditEntry.objects.filter(user=one).exists()
    else:
        act(processor_id=ent.pk, reason="Asked", user=one)
        detail = json.loads(AuditEntry.objects.get(user=one).detail)
        assert (detail["before"], detail["after"]) == ({"state": before}, {"state": after})
        assert detail["reason"] == "Asked"
    assert Processor.objects.get().state == (after or before)


@pytest.mark.parametrize("act", [processors.disable, processors.wind_down])
def test_it_takes_a_reason(one, act):
    with pytest.raises(Malformed):
        act(processor_id=make_processor("ENT").pk, reason=" ", user=one)
    assert Processor.objects.get().state == "ACTIVE"


@pytest.mark.parametrize(("after", "is_there"), [(A_WEEK - INSTANT, True), (A_WEEK, False)])
def test_an_old_password_is_ended_while_there_is_one(one, two, after, is_there):
    ent = make_processor("ENT")
    change = decide(renew(one, ent), two)
    with clock.freeze(change.decided_at):
        open_sheet(change, one)
    with clock.freeze(change.decided_at + after):
        if is_there:
            processors.end_former_password(processor_id=ent.pk, reason="All moved", user=two)
            assert read_last_entry().action == "processor's old password ended"
        else:
            with pytest.raises(Conflict):
                processors.end_former_password(processor_id=ent.pk, reason="All", user=two)
    assert bool(Processor.objects.get().former_password) != is_there


@pytest.mark.parametrize("act", [processors.disable, processors.wind_down])
def test_where_the_audit_fails_nothing_is_taken_away(one, act, monkeypatch):
    ent = make_processor("ENT")

    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        act(processor_id=ent.pk, reason="Asked", user=one)
    assert Processor.objects.get().state == "ACTIVE"

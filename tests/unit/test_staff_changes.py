"""Changes of the staff: by two admins; by one where there is no other, who is told of; and who may
not decide for whom.
"""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, transaction

from customers.models import Customer
from customers.services import blocking
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import AuditEntry, StaffChange, User
from ppims.services import audit, staff_changes, staff_ties
from ppims.services.staff_changes import STAFF_PROPOSALS, NewPerson
from tests.factories import ensure_roles, make_customer, make_password_once, make_processor

pytestmark = pytest.mark.django_db
PASSWORD = make_password_once("a-password-of-tests")
ASHA = NewPerson("asha", "maker", "Asha", "Rao", "asha@example.in")


def make_person(username, role="admin", **fields):
    ensure_roles()
    fields = {"is_staff": True, "password": PASSWORD, **fields}
    user = User.objects.create(username=username, **fields)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def one():
    return make_person("nandini")


@pytest.fixture
def two():
    return make_person("imran")


def propose(user, person, kind="ROLE", role="checker"):
    role = role if kind == "ROLE" else ""
    return staff_changes.propose(
        kind=kind, person_id=person.pk, role=role, reason="Asked", user=user
    )


def add(user, person=ASHA):
    return staff_changes.propose_adding(person=person, reason="Joins us", user=user)


def decide(change, user, state="APPROVED", note="Seen"):
    return STAFF_PROPOSALS.decide(proposal_id=change.pk, state=state, user=user, note=note)


def list_actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


# Two admins.


def test_nothing_changes_until_a_second_admin_approves(one, two):
    change = add(one)
    assert not User.objects.filter(username="asha").exists()
    decide(change, two)
    asha = User.objects.get(username="asha")
    assert [group.name for group in asha.groups.all()] == ["maker"]
    assert (asha.is_staff, asha.is_superuser, asha.has_usable_password()) == (True, False, False)
    assert (asha.first_name, asha.last_name, asha.email) == ("Asha", "Rao", "asha@example.in")
    assert list_actions()[-2:] == ["staff change proposed", "staff change approved"]


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("ROLE", ("checker", True)),
        ("RESET", ("viewer", True)),
        ("DEACTIVATE", ("viewer", False)),
    ],
)
def test_each_kind_changes_what_it_says_and_no_more(one, two, kind, after):
    ravi = make_person("ravi", "viewer")
    decide(propose(one, ravi, kind), two)
    ravi.refresh_from_db()
    assert (ravi.groups.get().name, ravi.is_active) == after
    assert ravi.check_password("a-password-of-tests")


def test_who_was_shut_out_is_let_in_again(one, two):
    ravi = make_person("ravi", "viewer", is_active=False)
    decide(propose(one, ravi, "ACTIVATE"), two)
    ravi.refresh_from_db()
    assert ravi.is_active


@pytest.mark.parametrize("kind", ["ROLE", "RESET", "DEACTIVATE", "ACTIVATE"])
def test_nobody_changes_themselves(one, two, kind):
    with pytest.raises(Conflict, match="conflicts"):
        propose(one, one, kind)
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffChange.objects.create(
            kind=kind, person=one, username="x", to_role="maker", reason="x", maker=one,
            proposed_at=clock.now(),
        )  # fmt: skip


def test_nobody_decides_what_is_about_them(one, two):
    change = propose(one, two, "ROLE", "viewer")
    for state in ("APPROVED", "REJECTED"):
        with pytest.raises(Conflict) as refused:
            decide(change, two, state)
        assert "about you" in refused.value.describe()
    decide(change, make_person("third"))
    assert two.groups.get().name == "viewer"


def test_a_superuser_is_out_of_reach(one, two):
    with pytest.raises(Conflict):
        propose(one, make_person("root", is_superuser=True), "RESET")


@pytest.mark.parametrize(
    ("person", "field"),
    [
        (NewPerson("as ha", "maker"), "username"),
        (NewPerson("", "maker"), "username"),
        (NewPerson("asha", "everything"), "role"),
        (NewPerson("asha", ""), "role"),
        (NewPerson("asha", "maker", email="no address"), "email"),
        (NewPerson("asha", "maker", first_name="A\u202e"), "first_name"),
    ],
)
def test_a_wrong_field_is_named(one, two, person, field):
    with pytest.raises(Malformed) as refused:
        add(one, person)
    assert [name for name, _ in refused.value.errors] == [field]


def test_a_name_that_somebody_has_is_taken(one, two):
    with pytest.raises(Conflict):
        add(one, NewPerson("IMRAN", "maker"))
    waiting = add(one)
    with pytest.raises(Conflict):
        add(two)
    make_person("asha")
    with pytest.raises(Conflict):
        decide(waiting, two)


def test_a_name_that_only_looks_like_another_is_that_one(one, two):
    """As the log-in reads what is typed: in full width letters nobody could ever log in."""
    change = add(one, NewPerson("ｒａｖｉ", "maker"))  # noqa: RUF001 - that is the point
    assert decide(change, two).person.username == "ravi"
    with pytest.raises(Conflict):
        add(one, NewPerson("ｉｍｒａｎ", "maker"))  # noqa: RUF001


def test_what_has_moved_meanwhile_is_not_changed(one, two):
    ravi = make_person("ravi", "viewer")
    change = propose(one, ravi)
    ravi.groups.set([Group.objects.get(name="auditor")])
    assert staff_changes.find_stale([change], clock.now()) == {change.pk}
    with pytest.raises(Conflict):
        decide(change, two)
    assert ravi.groups.get().name == "auditor"


def test_an_admin_who_can_log_in_is_left(one, two):
    """Whoever decides is one; here both have lost the role since."""
    three = make_person("three")
    change = propose(one, three, "DEACTIVATE")
    viewer = Group.objects.get(name="viewer")
    one.groups.set([viewer])
    two.groups.set([viewer])
    with pytest.raises(Conflict) as refused:
        decide(change, two)
    assert "Nobody would be left" in refused.value.describe()
    three.refresh_from_db()
    assert three.is_active


# The password.


def test_the_maker_alone_has_the_password_made_and_once(one, two):
    change = add(one)
    with pytest.raises(Conflict):
        staff_changes.open_sheet(change_id=change.pk, user=one)
    decide(change, two)
    with pytest.raises(Conflict):
        staff_changes.open_sheet(change_id=change.pk, user=two)
    password = staff_changes.open_sheet(change_id=change.pk, user=one)
    asha = User.objects.get(username="asha")
    assert asha.check_password(password)
    assert asha.has_one_time_password
    with pytest.raises(Conflict) as refused:
        staff_changes.open_sheet(change_id=change.pk, user=one)
    assert "shown already" in refused.value.describe()
    assert asha.check_password(password)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.user) == ("user given a one-time password", one)
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))


@pytest.mark.parametrize(("days", "opens"), [(6.99, True), (7, False)])
def test_it_can_be_opened_for_seven_days(one, two, monkeypatch, days, opens):
    change = decide(propose(one, make_person("ravi", "viewer"), "RESET"), two)
    monkeypatch.setattr(clock, "now", lambda: change.decided_at + timedelta(days=days))
    if opens:
        assert staff_changes.open_sheet(change_id=change.pk, user=one)
        return
    with pytest.raises(Conflict):
        staff_changes.open_sheet(change_id=change.pk, user=one)


def test_no_password_comes_of_what_needs_none_or_of_whoever_was_shut_out(one, two):
    ravi = make_person("ravi", "viewer")
    reset = decide(propose(one, ravi, "RESET"), two)
    shut = decide(propose(one, ravi, "DEACTIVATE"), two)
    for change in (reset, shut):
        with pytest.raises(Conflict):
            staff_changes.open_sheet(change_id=change.pk, user=one)


# One admin.


def test_the_one_admin_there_is_decides_alone_and_a_second_confirms(one, monkeypatch):
    maker = make_person("a", "maker")
    change = propose(one, maker, "ROLE", "checker")
    assert (change.state, change.checker, change.decided_at) == ("ALONE", None, None)
    assert maker.groups.get().name == "checker"
    assert list_actions()[-1] == "staff change alone"
    with pytest.raises(Conflict):
        decide(change, one)
    two = make_person("imran")
    with pytest.raises(Conflict):
        decide(change, two, "REJECTED")
    confirmed = decide(change, two)
    assert (confirmed.state, confirmed.checker) == ("APPROVED", two)
    assert confirmed.alone_at < confirmed.decided_at
    assert list_actions()[-1] == "staff change confirmed"
    assert list_actions().count("staff change alone") == 1


def test_a_second_admin_may_object_and_nothing_is_undone(one):
    maker = make_person("a", "maker")
    change = propose(one, maker, "DEACTIVATE")
    two = make_person("imran")
    with pytest.raises(Malformed):
        decide(change, two, "OBJECTED", note="")
    assert decide(change, two, "OBJECTED").state == "OBJECTED"
    maker.refresh_from_db()
    assert not maker.is_active
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "staff change objected"
    assert json.loads(entry.detail)["decision_note"] == "Seen"


@pytest.mark.parametrize(
    ("other", "is_alone"),
    [
        ({}, False),
        ({"is_active": False}, True),
        ({"password": "!"}, True),
        ({"password": ""}, True),
        ({"one_time": 0}, False),
        ({"one_time": 24}, True),
    ],
)
def test_an_admin_is_alone_where_no_other_can_log_in(one, other, is_alone):
    hours = other.pop("one_time", None)
    if hours is not None:
        other["one_time_password_at"] = clock.now() - timedelta(hours=hours)
    make_person("imran", **other)
    make_person("a", "checker")
    change = add(one)
    assert change.state == ("ALONE" if is_alone else "PROPOSED")


def test_alone_is_only_who_is_an_admin(one):
    change = add(make_person("a", "maker"))
    assert change.state == "PROPOSED"


def test_what_is_for_two_people_of_the_business_never_counts_alone(one):
    customer = make_customer(make_processor())
    blocking.block(customer_id=customer, reason="x", user=one)
    row = blocking.propose_unblocking(customer_id=customer, reason="x", user=one)
    assert row.state == "PROPOSED"
    assert Customer.objects.get(pk=customer).is_blocked
    for state in ("ALONE", "OBJECTED", "ANYHOW"):
        with pytest.raises(IntegrityError), transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(state=state)


@pytest.mark.parametrize("state", ["ALONE", "OBJECTED", "ANYHOW"])
def test_the_database_lets_nothing_count_alone_that_does_not_say_so(one, two, state):
    change = add(one)
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffChange.objects.filter(pk=change.pk).update(state=state)


# Who may not decide for whom.


@pytest.mark.parametrize("kind", ["ROLE", "RESET", "ADD", "ACTIVATE"])
@pytest.mark.parametrize(("hours", "is_tied"), [(23.99, True), (24, False)])
def test_who_was_changed_and_who_did_so_do_not_decide_for_each_other(
    one, two, kind, hours, is_tied, monkeypatch
):
    if kind == "ADD":
        change = decide(add(one, NewPerson("third", "admin")), two)
        third = User.objects.get(username="third")
        User.objects.filter(pk=third.pk).update(password=PASSWORD)
    else:
        role = "viewer" if kind == "ROLE" else "admin"
        third = make_person("third", role, is_active=kind != "ACTIVATE")
        change = decide(propose(one, third, kind, role="admin"), two)
    monkeypatch.setattr(clock, "now", lambda: change.decided_at + timedelta(hours=hours))
    other = make_person("ravi", "viewer")
    for maker, checker in ((one, third), (two, third), (third, one), (third, two)):
        row = propose(maker, other, "DEACTIVATE")
        if not is_tied:
            assert not STAFF_PROPOSALS.describe_bar(row, checker, clock.now())
        else:
            for state in ("APPROVED", "REJECTED"):
                with pytest.raises(Conflict) as refused:
                    decide(row, checker, state)
            assert "until" in refused.value.describe()
        decide(row, maker, "WITHDRAWN")
    decide(propose(one, other, "DEACTIVATE"), two)  # who are not tied


@pytest.mark.parametrize("kind", ["ADD", "RESET"])
@pytest.mark.parametrize(("hours", "is_tied"), [(23.99, True), (24, False)])
def test_two_whose_passwords_one_admin_has_seen_do_not_decide_for_each_other(
    one, two, kind, hours, is_tied
):
    if kind == "ADD":
        changes = [add(one, NewPerson(name, "maker")) for name in ("m", "k")]
    else:
        changes = [propose(one, make_person(name, "maker"), "RESET") for name in ("m", "k")]
    first_at = clock.now() + timedelta(hours=30)
    for number, change in enumerate(changes):
        with clock.freeze(first_at + timedelta(hours=3 * number)):
            staff_changes.open_sheet(change_id=decide(change, two).pk, user=one)
    m, k = (User.objects.get(username=name) for name in ("m", "k"))
    at = first_at + timedelta(hours=hours)
    for maker, checker in ((m, k), (k, m)):
        row = StaffChange(maker=maker)
        assert bool(STAFF_PROPOSALS.describe_bar(row, checker, at)) == is_tied
    assert not STAFF_PROPOSALS.describe_bar(StaffChange(maker=make_person("b")), k, at)


def test_shutting_somebody_out_ties_nobody(one, two):
    third = make_person("third")
    decide(propose(one, third, "DEACTIVATE"), two)
    assert staff_ties.read_ties(third, clock.now()) == {}


def test_a_password_that_is_shown_late_ties_from_then_on(one, two, monkeypatch):
    third = make_person("third")
    change = decide(propose(one, third, "RESET"), two)
    later = change.decided_at + timedelta(days=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert staff_ties.read_ties(one, later) == {}
    staff_changes.open_sheet(change_id=change.pk, user=one)
    assert staff_ties.read_ties(third, later)[one.pk] == later + timedelta(hours=24)


def test_who_is_added_alone_does_not_confirm_it(one, monkeypatch):
    change = add(one, NewPerson("self", "admin"))
    staff_changes.open_sheet(change_id=change.pk, user=one)
    second = User.objects.get(username="self")
    later = clock.now() + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(Conflict) as refused:
        decide(change, second)
    assert "about you" in refused.value.describe()


def test_without_its_audit_entry_no_password_is_made(one, two, monkeypatch):
    ravi = make_person("ravi", "viewer")
    change = decide(propose(one, ravi, "RESET"), two)
    monkeypatch.setattr(audit.ENTRIES, "insert", refuse_entry)
    with pytest.raises(DatabaseError, match="no entry"):
        staff_changes.open_sheet(change_id=change.pk, user=one)
    ravi.refresh_from_db()
    change.refresh_from_db()
    assert ravi.check_password("a-password-of-tests")
    assert change.password_given_at is None


def refuse_entry(entry):
    raise DatabaseError("no entry")

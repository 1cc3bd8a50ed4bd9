"""No person alone: over every kind of proposal, each way by which its maker might decide it too.

And what was done stands in the audit once, or wasn't done.
"""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from ppims.backoffice.proposal_kinds import KINDS
from ppims.backoffice.proposals import DECISIONS
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import AuditEntry, FourEyes, MayCountAlone, User
from ppims.services import audit, staff_changes
from tests.factories import make_password_once
from tests.web.admin_pages import make_user
from tests.web.proposers import DETAIL_BY_KIND, DETAIL_OF_OTHERS, PROPOSERS, find_roles
from tests.web.users import RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = pytest.mark.django_db
State = FourEyes.State
EACH_KIND = pytest.mark.parametrize("name", sorted(KINDS))


class Case:
    """A proposal of a kind, who made it, and somebody who may decide it."""

    def __init__(self, name):
        self.kind = KINDS[name]
        make_user_of("admin")  # nobody is the one admin
        make_role, check_role = find_roles(name)
        self.maker, self.checker = make_user_of(make_role), make_user_of(check_role)
        self.check_role = check_role
        self.row = PROPOSERS[name](self.maker)
        self.address = reverse("approval", args=[name, self.row.pk])

    def send(self, user, decision="approve", client=None):
        client = client or open_client(user)
        return client.post(self.address, {"decision": decision, "note": "As seen"})

    def decide(self, user, state=State.APPROVED):
        return self.kind.proposals.decide(
            proposal_id=self.row.pk, state=state, user=user, note="As seen"
        )

    def read_state(self):
        return type(self.row)._base_manager.get(pk=self.row.pk).state

    def assert_open(self):
        assert self.read_state() == State.PROPOSED

    def assert_refused(self, user, *decisions):
        """Let somebody try by the page, and by the service."""
        for decision in decisions or ["approve"]:
            assert self.send(user, decision).status_code in {403, 422}, decision
        for state in (State.APPROVED, State.REJECTED, State.ALONE, State.OBJECTED):
            with pytest.raises(Conflict):
                self.decide(user, state)
        self.assert_open()


def open_client(user):
    client = Client()
    client.force_login(user)
    return client


def tie_together(maker, person, kind, role=""):
    """Let somebody have done something to another's account, as one of two."""
    change = staff_changes.propose(
        kind=kind, person_id=person.pk, role=role, reason="Asked", user=maker
    )
    second = make_user_of("admin")
    staff_changes.STAFF_PROPOSALS.decide(proposal_id=change.pk, state="APPROVED", user=second)
    return second


def give_role(user, role):
    user.groups.set([Group.objects.get(name=role)])


def test_each_kind_has_one_to_try():
    assert set(PROPOSERS) == set(KINDS)


@EACH_KIND
def test_another_person_decides(name):
    case = Case(name)
    assert case.send(case.checker).status_code == 302
    assert case.read_state() == State.APPROVED


@EACH_KIND
def test_its_maker_does_not_by_page_address_or_service(name):
    case = Case(name)
    case.assert_refused(case.maker, *(set(DECISIONS) - {"withdraw"}))
    page = open_client(case.maker).get(case.address).content.decode()
    assert 'value="approve"' not in page
    moved = f"/approvals/{name}/{case.row.pk}"
    open_client(case.maker).post(moved, {"decision": "approve"}, follow=True)
    fragment = {"HX-Request": "true"}
    sent = open_client(case.maker).post(case.address, {"decision": "approve"}, headers=fragment)
    assert sent.status_code in {403, 422}
    case.assert_open()


@EACH_KIND
def test_nor_with_the_other_role(name):
    case = Case(name)
    for role in {case.check_role, "admin"}:
        give_role(case.maker, role)
        case.assert_refused(case.maker)


@EACH_KIND
def test_nor_after_two_admins_gave_the_other_role_or_a_reset(name):
    case = Case(name)
    password = reset_password(case.maker)
    case.maker.refresh_from_db()
    assert case.maker.check_password(password)
    case.maker.take_password(RIGHT_PASSWORD + " again")
    case.maker.save()
    case.assert_refused(case.maker)
    tie_together(make_user_of("admin"), case.maker, "ROLE", "viewer")
    case.assert_refused(case.maker)


@EACH_KIND
def test_nor_from_a_second_session(name):
    case = Case(name)
    first, second = open_client(case.maker), Client()
    sent = {"username": case.maker.username, "password": RIGHT_PASSWORD}
    assert second.post("/log-in", sent).status_code == 302
    for client in (first, second):
        assert case.send(case.maker, client=client).status_code in {403, 422}
    case.assert_open()


@EACH_KIND
def test_nor_in_djangos_admin(name):
    """Its pages decide by the same service, or there is none."""
    case = Case(name)
    model = type(case.row)
    give_role(case.maker, "admin")
    client = open_client(case.maker)
    try:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    except NoReverseMatch:
        return
    site_admin = admin.site._registry[model]
    for action in site_admin.actions or ():
        chosen = {"action": action.__name__, "_selected_action": case.row.pk, "reason": "As seen"}
        client.post(address, chosen, follow=True)
        if case.read_state() == State.WITHDRAWN:  # its maker may
            type(case.row)._base_manager.filter(pk=case.row.pk).update(state=State.PROPOSED)
        case.assert_open()
    change = reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[case.row.pk]
    )
    sent = client.post(change, {"state": "APPROVED", "checker": case.checker.pk})
    assert sent.status_code in {302, 403}
    case.assert_open()


@EACH_KIND
def test_nor_by_a_processors_credentials_or_as_nobody(name):
    case = Case(name)
    for client in (Client(), Client(headers={"Authorization": "Basic RU5UOkVOVDEyMw=="})):
        assert client.post(case.address, {"decision": "approve"}).status_code in {302, 403}
    case.assert_open()


@EACH_KIND
@pytest.mark.parametrize("kind", ["ADD", "ROLE", "RESET", "ACTIVATE"])
def test_nor_through_somebody_whose_account_the_maker_had_a_hand_in_within_a_day(name, kind):
    case = Case(name)
    if kind == "ADD":
        person = staff_changes.NewPerson("a.friend", case.check_role)
        change = staff_changes.propose_adding(person=person, reason="Joins", user=case.maker)
        second = make_user_of("admin")
        staff_changes.STAFF_PROPOSALS.decide(proposal_id=change.pk, state="APPROVED", user=second)
        change.refresh_from_db()
        friend = change.person
        friend.password = make_password_once(RIGHT_PASSWORD)
        friend.save()
    else:
        friend = make_user_of("viewer", is_active=kind != "ACTIVATE")
        tie_together(case.maker, friend, kind, case.check_role if kind == "ROLE" else "")
        friend.refresh_from_db()
        give_role(friend, case.check_role)
    case.assert_refused(friend)
    shown = open_client(friend).get(case.address)
    assert "can’t decide for each other until" in shown.content.decode()
    assert shown.context["shown"].decisions == []
    with clock.freeze(clock.now() + timedelta(hours=24, seconds=1)):
        assert case.decide(friend).state == State.APPROVED


@EACH_KIND
def test_nor_the_other_way_round(name):
    """Who was added or reset proposes; who did so would decide."""
    case = Case(name)
    other = tie_together(case.checker, case.maker, "RESET")
    case.assert_refused(case.checker)
    case.assert_refused(other)
    assert case.decide(make_user_of(case.check_role)).state == State.APPROVED


@EACH_KIND
def test_nor_by_who_was_shut_out_while_they_decided(name):
    case = Case(name)
    User.objects.filter(pk=case.checker.pk).update(is_active=False)
    for state in (State.APPROVED, State.REJECTED):
        with pytest.raises(Conflict) as refused:
            case.decide(case.checker, state)
        assert "not active any more" in refused.value.describe()
    case.assert_open()


@EACH_KIND
def test_nor_by_the_database(name):
    case = Case(name)
    rows = type(case.row)._base_manager.filter(pk=case.row.pk)
    at = clock.now()
    for state in ("APPROVED", "REJECTED"):
        for checker in (None, case.maker):
            with pytest.raises(IntegrityError), transaction.atomic():
                rows.update(state=state, checker=checker, decided_at=at)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state="ANYHOW")
    if not isinstance(case.row, MayCountAlone):
        for state in ("ALONE", "OBJECTED"):
            with pytest.raises(IntegrityError), transaction.atomic():
                rows.update(state=state, checker=case.checker, decided_at=at)


@EACH_KIND
def test_what_counts_alone_is_confirmed_by_another(name):
    """Only of what may: all else waits, also where there is one admin."""
    make_user("viewer")
    one = make_user_of("admin")
    row = PROPOSERS[name](one)
    if not isinstance(row, MayCountAlone):
        assert row.state == State.PROPOSED
        return
    assert row.state == State.ALONE
    proposals = KINDS[name].proposals
    for state in (State.APPROVED, State.OBJECTED, State.WITHDRAWN):
        with pytest.raises(Conflict):
            proposals.decide(proposal_id=row.pk, state=state, user=one, note="As seen")
    two = make_user_of("admin")
    assert proposals.decide(proposal_id=row.pk, state="APPROVED", user=two).checker == two


# The audit.


def read_new_entries(after):
    return list(AuditEntry.objects.filter(pk__gt=after).order_by("pk"))


# What is told of the other one, where a proposal is about two customers.
OF_THE_OTHER = {"merge": "customer merged"}


def find_last():
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def assert_told_once(case, name, after, step, user):
    entries = read_new_entries(after)
    counted = Counter(entry.subject for entry in entries)
    assert set(counted.values()) == {1}, [entry.action for entry in entries]
    assert getattr(case.row, "customer_id", audit.NO_CUSTOMER) in counted
    for entry in entries:
        is_about_it = entry.subject == getattr(case.row, "customer_id", audit.NO_CUSTOMER)
        told = f"{case.kind.proposals.name} {step}" if is_about_it else OF_THE_OTHER[name]
        assert entry.action == told
        assert entry.user == user
        detail = json.loads(entry.detail)
        if is_about_it:
            assert DETAIL_BY_KIND.get(name, DETAIL_OF_OTHERS) <= set(detail), detail
        if step == "rejected":
            assert detail["decision_note"] == "As seen"


@EACH_KIND
@pytest.mark.parametrize("decision", ["approve", "reject", "withdraw"])
def test_each_step_is_told_once_with_who_before_after_and_why(name, decision):
    case = Case(name)
    entries = [
        entry
        for entry in AuditEntry.objects.all()
        if entry.action == f"{case.kind.proposals.name} proposed"
    ]
    assert [entry.user for entry in entries] == [case.maker]
    assert DETAIL_BY_KIND.get(name, DETAIL_OF_OTHERS) <= set(json.loads(entries[0].detail))
    after = find_last()
    user = case.maker if decision == "withdraw" else case.checker
    assert case.send(user, decision).status_code == 302
    assert_told_once(case, name, after, DECISIONS[decision].lower(), user)


@EACH_KIND
@pytest.mark.parametrize("decision", ["approve", "reject", "withdraw"])
def test_what_the_audit_does_not_take_is_not_done(name, decision, monkeypatch):
    case = Case(name)
    before = read_all()
    monkeypatch.setattr(audit.ENTRIES, "insert", refuse_entry)
    user = case.maker if decision == "withdraw" else case.checker
    with pytest.raises(DatabaseError, match="no entry"):
        case.decide(user, DECISIONS[decision])
    case.assert_open()
    assert read_all() == before


@EACH_KIND
def test_nor_is_it_proposed(name, monkeypatch):
    maker = Case(name).maker  # whatever the proposer needs is there then
    model = KINDS[name].proposals.model
    model._base_manager.filter(pk__gt=0).update(state="WITHDRAWN")
    count = model._base_manager.count()
    real = audit.record

    def record(action, **more):
        if action.endswith(" proposed"):
            raise DatabaseError("no entry")
        return real(action, **more)

    monkeypatch.setattr(audit, "record", record)
    with pytest.raises(DatabaseError, match="no entry"):
        PROPOSERS[name](maker)
    assert model._base_manager.count() == count


def refuse_entry(entry):
    raise DatabaseError("no entry")


def read_all():
    """Read every row of ours, as it is now."""
    return {
        model.__name__: list(map(str, model._base_manager.order_by("pk").values_list()))
        for model in apps.get_models()
        if model._meta.app_label in {"customers", "limits", "ppims"}
    }

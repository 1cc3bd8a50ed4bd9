"""`manage access_review`: who may what, since when and by whose word."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command

from ppims.core import clock
from ppims.core.roles import ROLES
from ppims.models import ProcessorChange, StaffChange, User
from ppims.services import processor_changes, staff_changes
from ppims.services.processor_changes import NewProcessor
from ppims.services.staff_changes import NewPerson
from tests.factories import make_processor
from tests.web.admin_pages import make_user
from tests.web.second_factors import set_up_factor

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)
AT_TEXT = "25 Nov 2026, 4:17 PM"


@pytest.fixture
def admins(db):
    with clock.freeze(AT):
        yield make_named("asha", "admin"), make_named("imran", "admin")


def make_named(username, role):
    """Make a person of a role, by no proposal."""
    user = make_user(role)
    user.username = username
    user.save(update_fields=["username"])
    return user


def write_review(*named):
    out = io.StringIO()
    call_command("access_review", *named, stdout=out)
    return out.getvalue()


def read_rows():
    rows = csv.DictReader(io.StringIO(write_review("--csv").removeprefix("\ufeff")))
    return {(row["kind"], row["name"]): row for row in rows}


def approve(proposals, proposal, admin):
    return proposals.decide(proposal_id=proposal.pk, state="APPROVED", user=admin)


def add_person(admins, role="maker"):
    person = NewPerson("meera.iyer", role)
    change = staff_changes.propose_adding(person=person, reason="Joins us", user=admins[0])
    approve(staff_changes.STAFF_PROPOSALS, change, admins[1])
    return User.objects.get(username="meera.iyer")


def test_it_tells_who_gave_a_person_their_role_and_when(admins):
    add_person(admins)
    row = read_rows()["person", "meera.iyer"]
    assert (row["may"], row["since"], row["reason"]) == ("maker", AT_TEXT, "Joins us")
    assert row["granted_by"] == "asha, approved by imran"
    assert row["last_used"] == "never"


def test_it_tells_of_the_role_there_is_and_not_of_one_before(admins):
    person = add_person(admins)
    change = staff_changes.propose(
        kind=StaffChange.Kind.ROLE,
        person_id=person.pk,
        role="checker",
        reason="Moves",
        user=admins[1],
    )
    approve(staff_changes.STAFF_PROPOSALS, change, admins[0])
    row = read_rows()["person", "meera.iyer"]
    assert (row["may"], row["granted_by"]) == ("checker", "imran, approved by asha")


def test_a_role_that_nobody_proposed_is_not_made_to_look_granted(admins):
    make_named("written.by.hand", "maker")
    row = read_rows()["person", "written.by.hand"]
    assert (row["since"], row["granted_by"]) == ("no record tells",) * 2


def test_what_was_given_by_hand_is_shown_beside_the_role(admins):
    person = make_named("more.than.a.viewer", "viewer")
    person.user_permissions.add(Permission.objects.get(codename="reveal_customer"))
    above_all = make_named("above.all", "viewer")
    User.objects.filter(pk=above_all.pk).update(is_superuser=True)
    rows = read_rows()
    assert rows["person", "more.than.a.viewer"]["may"] == (
        "viewer, customers.reveal_customer by itself"
    )
    assert rows["person", "above.all"]["may"] == "everything, as a superuser"


def test_who_is_shut_out_may_nothing_and_comes_last(admins):
    person = make_named("aa.left.us", "checker")
    User.objects.filter(pk=person.pk).update(is_active=False)
    rows = read_rows()
    assert rows["person", "aa.left.us"]["may"] == "nothing; once let in again: checker"
    people = [name for kind, name in rows if kind == "person"]
    assert people[-1] == "aa.left.us"


def test_it_tells_who_let_a_processor_in(admins):
    processor = NewProcessor("UPI", "UPI switch")
    change = processor_changes.propose_adding(processor=processor, reason="Live", user=admins[0])
    approve(processor_changes.PROCESSOR_PROPOSALS, change, admins[1])
    row = read_rows()["processor", "UPI, username PPIM_UPI"]
    assert (row["may"], row["state"]) == ("call every operation", "active")
    assert (row["granted_by"], row["since"], row["reason"]) == (
        "asha, approved by imran",
        AT_TEXT,
        "Live",
    )


def test_who_enabled_a_processor_counts_and_a_rejected_proposal_does_not(admins):
    processor = make_processor("ENT")
    processor.state = processor.State.DISABLED
    processor.save(update_fields=["state"])
    name = ("processor", "ENT, username PPIM_ENT")
    assert read_rows()[name]["may"] == "nothing"
    for state in ("REJECTED", "APPROVED"):
        change = processor_changes.propose_enabling(
            processor_id=processor.pk, reason=state.lower(), user=admins[1]
        )
        processor_changes.PROCESSOR_PROPOSALS.decide(
            proposal_id=change.pk, state=state, user=admins[0], note="As it is"
        )
    assert ProcessorChange.objects.count() == 2
    row = read_rows()[name]
    assert (row["reason"], row["granted_by"]) == ("approved", "imran, approved by asha")
    assert row["may"] == "call every operation"


def test_it_tells_what_holds_somebody_back(admins):
    set_up_factor(admins[0])
    processor = make_processor("ENT")
    name = ("processor", "ENT, username PPIM_ENT")
    rows = read_rows()
    assert rows["person", "asha"]["held_by"] == f"second factor of {AT_TEXT}"
    assert rows["person", "imran"]["held_by"] == "a password alone"
    assert rows[name]["held_by"].startswith("from anywhere, as often as it likes, password of ")
    processor.networks, processor.requests_per_second = "10.0.0.0/8 192.0.2.7/32", 50
    processor.password_at = None
    processor.save()
    assert read_rows()[name]["held_by"] == (
        "from 10.0.0.0/8 192.0.2.7/32, 50 requests a second, password of unknown age"
    )


def test_it_tells_what_each_role_may(admins):
    rows = read_rows()
    assert {name for kind, name in rows if kind == "role"} == set(ROLES)
    assert "reveal customer" in rows["role", "maker"]["may"]
    assert "reveal customer" not in rows["role", "checker"]["may"]


def test_as_text_it_has_the_same_lines_as_the_file(admins):
    add_person(admins)
    text = write_review()
    assert "person meera.iyer (active)\n  may: maker\n" in text
    assert "granted by: asha, approved by imran" in text
    assert text.count("\nrole ") == len(ROLES)


def test_it_asks_a_bounded_number_of_statements_for_each_person(
    admins, django_assert_max_num_queries
):
    for number in range(20):
        make_named(f"viewer{number}", "viewer")
    with django_assert_max_num_queries(10 + 4 * User.objects.count()):
        write_review()

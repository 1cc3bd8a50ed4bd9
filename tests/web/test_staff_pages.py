"""The pages about the staff: who there is, what two admins change, and the password shown once."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ppims.core import clock
from ppims.core.roles import ROLES
from ppims.models import AuditEntry, StaffChange, User
from ppims.services import audit, staff_changes
from tests.factories import make_password_once
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.users import RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = pytest.mark.django_db
RAVI = {
    "username": "ravi",
    "first_name": "Ravi",
    "last_name": "Das",
    "email": "ravi@example.in",
    "role": "maker",
    "reason": "Joins the Pune branch",
}


def open_admin():
    """Open a browser for an admin who could log in."""
    client = open_browser("admin")
    user = client.get("/settings/limits").wsgi_request.user
    User.objects.filter(pk=user.pk).update(password=make_password_once(RIGHT_PASSWORD))
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture
def one():
    return open_admin()


@pytest.fixture(autouse=True)
def two(db):
    return open_admin()


def find_user(client):
    return client.get("/settings/staff").wsgi_request.user


def add_ravi(client, **more):
    response = client.post(reverse("staff-add"), {**RAVI, **more})
    assert response.status_code == 302
    return StaffChange.objects.latest("pk")


def decide(client, change, decision="approve", note="Seen"):
    address = reverse("approval", args=["staff", change.pk])
    return client.post(address, {"decision": decision, "note": note})


def read_password(page):
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    log_in, username, password = (
        page.content.decode().split(f'id="one-time-{name}">')[1].split("</code>")[0]
        for name in ("address", "username", "password")
    )
    assert log_in == "http://testserver/log-in"
    return username, password


def leave_alone(client):
    """Let somebody be the one admin who can log in."""
    user = find_user(client)
    User.objects.filter(groups__name="admin").exclude(pk=user.pk).update(password="!")
    return user


def test_one_adds_a_person_another_approves_and_the_first_hands_the_password_over(one, two):
    change = add_ravi(one)
    assert "Add: ravi" in read_words(two.get("/settings/staff"))
    page = read_words(two.get(reverse("approval", args=["staff", change.pk])))
    assert "Staff: add ravi as maker" in page
    assert "Name – Ravi Das Email – r••••@example.in Role – maker" in page
    assert "Why Joins the Pune branch" in page
    assert decide(two, change).status_code == 302
    assert "Passwords to hand over ravi" in read_words(one.get("/settings/staff"))
    address = reverse("staff-password", args=[change.pk])
    assert address in one.get(reverse("approval", args=["staff", change.pk])).content.decode()
    assert "Show the password" in read_words(one.get(address))
    assert not User.objects.get(username="ravi").has_usable_password()
    username, password = read_password(one.post(address))
    assert username == "ravi"
    client = Client()
    assert client.post("/log-in", {"username": "ravi", "password": password}).status_code == 302
    assert client.get("/customers")["Location"] == "/password"


def test_the_password_is_kept_nowhere_and_never_shown_again(one, two):
    change = add_ravi(one)
    decide(two, change)
    address = reverse("staff-password", args=[change.pk])
    _, password = read_password(one.post(address))
    again = one.post(address)
    assert again.status_code == 422
    assert "shown already" in read_words(again)
    assert "shown already" in read_words(one.get(address))
    assert "Passwords to hand over" not in read_words(one.get("/settings/staff"))
    assert password not in json.dumps(dict(one.session.items()))
    assert password not in str(one.cookies)
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))
    user = User.objects.get(username="ravi")
    for page in (again, one.get("/settings/staff"), one.get(f"/settings/staff/{user.pk}")):
        assert password not in page.content.decode()


def test_nobody_but_the_maker_has_it_made(one, two):
    change = add_ravi(one)
    address = reverse("staff-password", args=[change.pk])
    assert one.post(address).status_code == 422
    decide(two, change)
    for client in (two, open_browser("admin")):
        page = client.post(address)
        assert page.status_code == 422
        assert "Whoever proposed it" in read_words(page)
        assert address not in client.get("/settings/staff").content.decode()
    assert read_password(one.post(address))


def test_it_lapses_after_seven_days(one, two):
    change = add_ravi(one)
    decide(two, change)
    address = reverse("staff-password", args=[change.pk])
    with clock.freeze(clock.now() + staff_changes.SHEET_LASTS + timedelta(seconds=1)):
        assert "Propose a reset" in read_words(one.get(address))
        assert one.post(address).status_code == 422
        assert "Passwords to hand over" not in read_words(one.get("/settings/staff"))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "ra vi"}, "username"),
        ({"username": "TAKEN"}, "username"),
        ({"role": ""}, "role"),
        ({"role": "everything"}, "role"),
        ({"reason": ""}, "reason"),
        ({"reason": "Card 4111 1111 1111 1111"}, "reason"),
        ({"email": "ravi"}, "email"),
    ],
)
def test_a_wrong_field_is_said_beside_it(one, sent, field):
    User.objects.create(username="taken")
    page = one.post(reverse("staff-add"), {**RAVI, **sent})
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not StaffChange.objects.exists()


def test_no_other_power_is_given_by_what_a_form_sends(one, two):
    more = {
        "is_superuser": "on",
        "is_staff": "on",
        "groups": ["1", "2"],
        "password": RIGHT_PASSWORD,
    }
    decide(two, add_ravi(one, **more))
    user = User.objects.get(username="ravi")
    assert [group.name for group in user.groups.all()] == ["maker"]
    assert not user.is_superuser
    assert not user.has_usable_password()


def test_a_second_role_sent_is_not_taken(one, two):
    decide(two, add_ravi(one, role=["viewer", "checker"]))
    assert User.objects.get(username="ravi").groups.count() == 1


@pytest.mark.parametrize("kind", ["role", "reset", "deactivate"])
def test_a_persons_page_leads_to_each_change(one, two, kind):
    user = make_user_of("viewer")
    page = one.get(f"/settings/staff/{user.pk}")
    address = reverse("staff-change", args=[user.pk, kind])
    assert address in page.content.decode()
    assert one.get(address).status_code == 200
    assert one.post(address, {}).status_code == 422
    assert one.post(address, {"role": "maker", "reason": "Asked"}).status_code == 302
    change = StaffChange.objects.get()
    assert address not in one.get(f"/settings/staff/{user.pk}").content.decode()
    assert one.post(address, {"role": "maker", "reason": "Asked"}).status_code == 422
    decide(two, change)
    change.refresh_from_db()
    assert change.state == "APPROVED"


def test_who_was_shut_out_can_be_let_in_again(one, two):
    user = make_user_of("viewer", is_active=False)
    page = one.get(f"/settings/staff/{user.pk}").content.decode()
    assert reverse("staff-change", args=[user.pk, "activate"]) in page
    assert reverse("staff-change", args=[user.pk, "role"]) not in page
    one.post(reverse("staff-change", args=[user.pk, "activate"]), {"reason": "Back"})
    decide(two, StaffChange.objects.get())
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.parametrize("kind", ["role", "reset", "deactivate", "activate"])
def test_nobody_changes_themselves_or_a_superuser(one, kind):
    for person in (find_user(one), make_user("viewer", is_superuser=True)):
        page = one.get(f"/settings/staff/{person.pk}").content.decode()
        address = reverse("staff-change", args=[person.pk, kind])
        assert address not in page
        assert one.post(address, {"role": "viewer", "reason": "Asked"}).status_code == 422
    assert not StaffChange.objects.exists()


@pytest.mark.parametrize("path", ["999", "999/role", "1/promote", "passwords/999"])
def test_what_is_not_there_is_404(one, path):
    assert one.get(f"/settings/staff/{path}").status_code == 404


def test_a_refused_change_is_said_on_the_page_and_stays_with_its_form(one, two):
    user = make_user_of("viewer")
    address = reverse("staff-change", args=[user.pk, "role"])
    page = one.post(address, {"role": "viewer", "reason": "Asked"})
    assert page.status_code == 422
    assert "Choose another role than the one there is" in read_words(page)


# Rights are read at each request.


def test_a_changed_role_counts_in_every_open_session(one, two):
    user = make_user_of("maker")
    first, second = Client(), Client()
    for client in (first, second):
        client.force_login(user)
        assert client.get("/onboard").status_code == 200
    one.post(reverse("staff-change", args=[user.pk, "role"]), {"role": "viewer", "reason": "x"})
    assert first.get("/onboard").status_code == 200
    decide(two, StaffChange.objects.get())
    for client in (first, second):
        assert client.get("/onboard").status_code == 403
        assert client.post("/onboard", {}).status_code == 403
        assert client.get("/customers").status_code == 200


def test_who_is_deactivated_is_out_of_every_session_and_the_admin(one, two):
    user = make_user_of("admin")
    first, second = Client(), Client()
    for client in (first, second):
        client.force_login(user)
    one.post(reverse("staff-change", args=[user.pk, "deactivate"]), {"reason": "Has left"})
    decide(two, StaffChange.objects.get())
    for client in (first, second):
        for address in ("/settings/staff", "/password"):
            assert client.get(address)["Location"].startswith("/log-in"), address
        assert client.get("/admin/")["Location"].startswith("/admin/login/")
    sent = {"username": user.username, "password": RIGHT_PASSWORD}
    assert Client().post("/log-in", sent).status_code == 200


def test_a_shown_one_time_password_ends_every_session(one):
    user, client = make_user_of("maker"), Client()
    client.force_login(user)
    reset_password(user)
    assert client.get("/customers")["Location"].startswith("/log-in")


# One admin.


def test_the_one_admin_is_told_that_it_counts_and_goes_on_to_the_password(one):
    me = leave_alone(one)
    assert "You are the one admin who can log in" in read_words(one.get(reverse("staff-add")))
    response = one.post(reverse("staff-add"), RAVI, follow=True)
    change = StaffChange.objects.get()
    assert response.redirect_chain[-1][0] == reverse("staff-password", args=[change.pk])
    assert read_password(one.post(reverse("staff-password", args=[change.pk])))
    assert "is to be confirmed" in read_words(one.get("/settings/staff"))
    entry = AuditEntry.objects.get(action="staff change alone")
    assert (entry.user, json.loads(entry.detail)["reason"]) == (me, RAVI["reason"])


def test_what_counts_alone_waits_under_approvals_for_a_second_admin(one):
    leave_alone(one)
    one.post(reverse("staff-add"), RAVI)
    change = StaffChange.objects.get()
    address = reverse("approval", args=["staff", change.pk])
    assert "To be confirmed" in read_words(one.get("/work/approvals"))
    assert 'name="decision"' not in one.get(address).content.decode()
    assert one.post(address, {"decision": "confirm"}).status_code == 422
    assert one.post(address, {"decision": "withdraw"}).status_code == 422
    two = open_browser("admin")
    page = two.get(address)
    assert page.context["shown"].decisions == ["confirm", "object"]
    assert two.get("/work/approvals?oldest=1")["Location"] == address
    assert decide(two, change, "object", note="").status_code == 422
    assert decide(two, change, "confirm").status_code == 302
    change.refresh_from_db()
    assert change.state == "APPROVED"
    ravi = User.objects.get(username="ravi")
    assert "alone, confirmed by" in read_words(one.get(f"/settings/staff/{ravi.pk}"))


def test_an_objection_is_on_record_and_undoes_nothing(one):
    leave_alone(one)
    one.post(reverse("staff-add"), RAVI)
    two = open_browser("admin")
    decide(two, StaffChange.objects.get(), "object", note="Nobody knows him")
    assert User.objects.get(username="ravi").is_active
    page = read_words(two.get("/work/approvals?done=1"))
    assert "Counts, objected to: Nobody knows him" in page


# Who gave whom which role.


def test_a_person_shows_who_gave_the_role_and_when(one, two):
    change = add_ravi(one)
    decide(two, change)
    user = User.objects.get(username="ravi")
    said = f"{find_user(one).username}, approved by {find_user(two).username}"
    assert f"Role given by {said}" in read_words(one.get(f"/settings/staff/{user.pk}"))
    one.post(
        reverse("staff-change", args=[user.pk, "role"]), {"role": "checker", "reason": "Moves"}
    )
    later = StaffChange.objects.latest("pk")
    page = read_words(one.get(f"/settings/staff/{user.pk}"))
    assert "Change role: checker waits for a second admin" in page
    assert f"Role given by {said}" in page
    three = open_browser("admin")
    decide(three, later)
    page = read_words(one.get(f"/settings/staff/{user.pk}"))
    assert (
        f"Role given by {find_user(one).username}, approved by {find_user(three).username}" in page
    )
    assert page.index("Change role: checker") < page.index("Add: maker")


def test_the_audit_tells_of_roles_from_before_and_from_the_machine(one):
    user, first = make_user("maker"), make_user("admin")
    by = make_user("admin")
    said = {"username": user.username, "groups": ["maker"]}
    audit.record("user added", at=clock.now(), user=by, detail=said)
    made = {"username": first.username, "operator": "root (logged in as meera)"}
    audit.record("admin made at the machine", at=clock.now(), detail=made)
    page = read_words(one.get(f"/settings/staff/{user.pk}"))
    assert f"Role given by {by.username}" in page
    page = read_words(one.get(f"/settings/staff/{first.pk}"))
    assert "Role given by root (logged in as meera)" in page
    other = make_user("viewer")
    assert "No record tells" in read_words(one.get(f"/settings/staff/{other.pk}"))


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"admin"}))
def test_no_other_role_sees_or_proposes(role):
    user = make_user("viewer")
    client = open_browser(role)
    paths = ("", "/add", f"/{user.pk}", f"/{user.pk}/role", "/passwords/1")
    for path in paths:
        assert client.get(f"/settings/staff{path}").status_code == 403
    assert "Staff" not in [
        str(tab["item"].label) for tab in client.get("/settings/limits").context["frame"]["tabs"]
    ]


def test_the_list_takes_a_bounded_number_of_queries(one, two, django_assert_max_num_queries):
    for number in range(12):
        make_user("viewer", first_name="Ravi", last_name=str(number))
        add_ravi(one, username=f"new{number}")
    one.get("/settings/staff")
    with django_assert_max_num_queries(12):
        assert one.get("/settings/staff").status_code == 200
    person = make_user("viewer")
    with django_assert_max_num_queries(16):
        assert one.get(f"/settings/staff/{person.pk}").status_code == 200

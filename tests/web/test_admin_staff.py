"""Users, processors, roles and the audit in the admin."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from limits.models import LimitRule
from ppims.api.dispatch import finished
from ppims.core import clock, roles
from ppims.models import AuditEntry, Processor, User
from ppims.services import audit, credentials, role_groups
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import act, add_url, browser_of, change_url, list_url, user_of, words_of

pytestmark = pytest.mark.django_db
EVERYONE = set(roles.ROLES)
WHO_SEES = {
    "customers_customer": EVERYONE,
    "customers_duplicatereview": EVERYONE,
    "customers_unblocking": EVERYONE,
    "limits_limitrule": EVERYONE,
    "limits_limitcheck": EVERYONE,
    "limits_hold": EVERYONE,
    "limits_ledgerentry": EVERYONE,
    "ppims_processor": EVERYONE,
    "ppims_user": {"admin"},
    "ppims_auditentry": {"auditor"},
}
WHO_ADDS = {"limits_limitrule": {"admin"}, "ppims_processor": {"admin"}, "ppims_user": {"admin"}}
PROCESSOR = {"system_id": "UPI", "username": "PPIM_UPI", "name": "UPI switch", "state": "ACTIVE"}
LONG = "a-rather-long-passphrase"


@pytest.mark.parametrize("role", sorted(EVERYONE))
@pytest.mark.parametrize("name", sorted(WHO_SEES))
def test_each_role_sees_and_adds_what_it_may(role, name):
    client = browser_of(role)
    sees, adds = role in WHO_SEES[name], role in WHO_ADDS.get(name, ())
    assert client.get(list_url(name)).status_code == (200 if sees else 403)
    assert client.get(add_url(name)).status_code == (200 if adds else 403)


@pytest.mark.parametrize("role", sorted(EVERYONE))
def test_only_an_admin_changes_and_only_processors_and_users(role):
    rows = [make_processor(), LimitRule.objects.first(), user_of("viewer")]
    rows.append(AuditEntry.objects.first())
    client = browser_of(role)
    posted = {row._meta.model_name: client.post(change_url(row), {}).status_code for row in rows}
    changes = 200 if role == "admin" else 403  # 200: the form again, with its errors
    assert posted == {"processor": changes, "user": changes, "limitrule": 403, "auditentry": 403}
    for row in rows:
        gone = client.post(change_url(row).replace("/change/", "/delete/"), {"post": "yes"})
        assert gone.status_code == 403


def test_whoever_is_not_of_the_staff_is_sent_to_the_log_in():
    user = user_of("admin")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    client = Client()
    client.force_login(user)
    assert client.get(list_url("ppims_processor")).status_code == 302


def test_roles_are_not_edited():
    client = browser_of("admin")
    assert client.get("/admin/auth/group/").status_code == 404


# Processors.


def password_shown(response):
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode().split("<code>")[1].split("</code>")[0]


def log_in(username, password):
    return finished(credentials.authenticate(username, password, "127.0.0.1"))


def assert_kept_nowhere(client, password):
    assert password not in json.dumps(dict(client.session.items()))
    assert password not in str(client.cookies)
    names = ("ppims_processor", "ppims_user")
    pages = [client.get(list_url(name)).content.decode() for name in names]
    pages += [client.get(change_url(row)).content.decode() for row in Processor.objects.all()]
    assert password not in "".join(pages)
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))


def test_a_new_processors_password_is_shown_once_and_lets_it_in():
    client = browser_of("admin")
    password = password_shown(client.post(add_url("ppims_processor"), PROCESSOR))
    assert_kept_nowhere(client, password)
    assert log_in("PPIM_UPI", password).system_id == "UPI"
    actions = list(AuditEntry.objects.order_by("-pk").values_list("action", flat=True)[:2])
    assert actions == ["processor given a new password", "processor added"]


def test_a_processor_is_given_another_password():
    processor, client = make_processor(), browser_of("admin")
    first = password_shown(act(client, processor, "make_new_password"))
    second = password_shown(act(client, processor, "make_new_password"))
    assert first != second
    assert_kept_nowhere(client, second)
    with pytest.raises(credentials.NotAuthenticated):
        log_in(processor.username, first)
    assert log_in(processor.username, second) == processor


def test_one_processor_at_a_time_is_given_a_password():
    rows = [make_processor("ENT"), make_processor("CBS")]
    before = [row.password for row in rows]
    body = {"action": "make_new_password", "_selected_action": [row.pk for row in rows]}
    browser_of("admin").post(list_url("ppims_processor"), body)
    assert [Processor.objects.get(pk=row.pk).password for row in rows] == before


@pytest.mark.parametrize("role", sorted(EVERYONE - {"admin"}))
def test_no_other_role_makes_a_password(role):
    processor = make_processor()
    act(browser_of(role), processor, "make_new_password")
    assert Processor.objects.get().password == processor.password


def test_a_processors_system_id_and_username_stay():
    processor = make_processor()
    body = {**PROCESSOR, "state": "DISABLED", "hold_minutes": "30"}
    assert browser_of("admin").post(change_url(processor), body).status_code == 302
    before = processor.system_id, processor.username
    processor.refresh_from_db()
    assert (processor.system_id, processor.username) == before
    assert (processor.state, processor.hold_minutes) == ("DISABLED", 30)
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "processor changed"
    assert json.loads(entry.detail)["hold_minutes"] == 30


@pytest.mark.parametrize(
    ("field", "value"),
    [("hold_minutes", "0"), ("hold_minutes", "1441"), ("system_id", "A B"), ("username", "a b")],
)
def test_a_wrong_field_of_a_processor_is_named(field, value):
    page = browser_of("admin").post(add_url("ppims_processor"), {**PROCESSOR, field: value})
    assert list(page.context["adminform"].form.errors) == [field]
    assert not Processor.objects.exists()


# Users.


def test_an_admin_adds_a_user_of_a_role_and_can_give_no_other_power():
    role_groups.set_up()
    maker = Group.objects.get(name="maker")
    stranger = Group.objects.create(name="everything")
    body = {"username": "ravi", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    body |= {"user_permissions": [Permission.objects.first().pk], "password1": LONG}
    client = browser_of("admin")
    refused = client.post(add_url("ppims_user"), {**body, "groups": [maker.pk, stranger.pk]})
    assert list(refused.context["adminform"].form.errors) == ["groups"]
    page = client.post(add_url("ppims_user"), {**body, "groups": [maker.pk]})
    password = password_shown(page)
    user = User.objects.get(username="ravi")
    assert [group.name for group in user.groups.all()] == ["maker"]
    assert user.is_staff and not user.is_superuser and not user.user_permissions.exists()  # noqa: PT018
    assert user.has_one_time_password and user.check_password(password)  # noqa: PT018
    given, added = AuditEntry.objects.order_by("-pk")[:2]
    assert (added.action, json.loads(added.detail)["groups"]) == ("user added", ["maker"])
    assert given.action == "user given a one-time password"
    assert_kept_nowhere(client, password)


def test_changing_a_user_is_audited():
    user, client = user_of("viewer"), browser_of("admin")
    checker = Group.objects.get(name="checker")
    body = {"username": user.username, "is_active": "on", "groups": [checker.pk]}
    assert client.post(change_url(user), {**body, "is_superuser": "on"}).status_code == 302
    user.refresh_from_db()
    assert not user.is_superuser
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, json.loads(entry.detail)["groups"]) == ("user changed", ["checker"])


@pytest.mark.parametrize("others", [[], ["maker", "admin"], ["viewer", "checker"], roles.ROLES])
def test_a_user_has_exactly_one_role(others):
    """So who makes users is none of the two people of a decision."""
    user, client = user_of("maker"), browser_of("admin")
    groups = Group.objects.filter(name__in=others)
    body = {"username": user.username, "is_active": "on", "groups": [g.pk for g in groups]}
    said = "exactly one role" if others else "Choose the role: without one nothing opens."
    for address in (change_url(user), add_url("ppims_user")):
        refused = client.post(address, {**body, "username": f"{user.username}s"})
        assert said in words_of(refused)
    assert [group.name for group in user.groups.all()] == ["maker"]


def test_who_is_given_a_role_is_of_the_staff_by_it():
    client = browser_of("admin")
    viewer = Group.objects.get(name="viewer")
    page = client.get(add_url("ppims_user")).content.decode()
    assert 'name="is_staff"' not in page
    assert page.count('name="groups"') == 1
    client.post(add_url("ppims_user"), {"username": "ravi", "groups": viewer.pk})
    assert User.objects.get(username="ravi").is_staff
    shown = client.get(change_url(User.objects.get(username="ravi"))).content.decode()
    assert f'<option value="{viewer.pk}" selected>viewer</option>' in shown


def test_staff_are_those_of_a_role_at_every_start():
    of_a_role, without, over = user_of("viewer"), user_of("maker"), user_of("viewer")
    without.groups.clear()
    over.groups.clear()
    User.objects.filter(pk=of_a_role.pk).update(is_staff=False)
    User.objects.filter(pk=over.pk).update(is_superuser=True)
    role_groups.set_up()
    said = dict(User.objects.values_list("pk", "is_staff"))
    assert [said[user.pk] for user in (of_a_role, without, over)] == [True, False, True]


def test_no_admin_sets_a_password_that_somebody_goes_on_with():
    user, client = user_of("maker"), browser_of("admin")
    address = change_url(user).replace("/change/", "/password/")
    body = {"password1": LONG, "password2": LONG, "usable_password": "true", "set-password": "1"}
    password = password_shown(client.post(address, body))
    user.refresh_from_db()
    assert user.check_password(password)
    assert user.has_one_time_password


def test_a_superuser_is_out_of_an_admins_reach():
    user = user_of("viewer", is_superuser=True)
    client = browser_of("admin")
    assert client.post(change_url(user), {}).status_code == 403
    address = change_url(user).replace("/change/", "/password/")
    assert client.post(address, {"password1": LONG, "password2": LONG}).status_code == 403


def test_createsuperuser_makes_an_admin_of_the_role(monkeypatch):
    role_groups.set_up()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", LONG)
    call_command("createsuperuser", "--noinput", username="first", email="f@example.in")
    user = User.objects.get(username="first")
    assert user.is_staff and not user.is_superuser and user.check_password(LONG)  # noqa: PT018
    assert [group.name for group in user.groups.all()] == ["admin"]
    client = Client()
    client.post("/log-in", {"username": "first", "password": LONG})
    assert client.get(list_url("ppims_user")).status_code == 200


# The audit.


def test_the_audit_masks_long_numbers():
    subject = make_customer(make_processor())
    numbers = {"n": [919812345678, 1234567]}
    entry = audit.record("tried", at=clock.now(), subject=subject, detail=numbers)
    client = browser_of("auditor")
    words = words_of(client.get(change_url(entry)))
    assert "[••••5678, 1234567]" in words
    found = client.get(list_url("ppims_auditentry"), {"q": entry.subject})
    assert found.context["cl"].result_count == 2

"""Users, processors and roles in the admin; and that it holds nothing else to change."""

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from limits.models import LimitRule
from ppims.api.dispatch import run_to_end
from ppims.core import roles
from ppims.models import AuditEntry, Processor, User
from ppims.services import credentials, role_groups
from tests.factories import make_processor
from tests.web.admin_pages import (
    make_user,
    open_browser,
    read_words,
    run_action,
    write_add_url,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
EVERY_ROLE = set(roles.ROLES)
WHO_SEES = {
    "limits_limitrule": EVERY_ROLE,
    "ppims_processor": EVERY_ROLE,
    "ppims_user": {"admin"},
}
WHO_ADDS = {"limits_limitrule": {"admin"}, "ppims_processor": {"admin"}, "ppims_user": {"admin"}}
PROCESSOR = {"system_id": "UPI", "username": "PPIM_UPI", "name": "UPI switch", "state": "ACTIVE"}
LONG_PASSWORD = "a-rather-long-passphrase"


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
@pytest.mark.parametrize("name", sorted(WHO_SEES))
def test_each_role_sees_and_adds_what_it_may(role, name):
    client = open_browser(role)
    sees, adds = role in WHO_SEES[name], role in WHO_ADDS.get(name, ())
    assert client.get(write_list_url(name)).status_code == (200 if sees else 403)
    assert client.get(write_add_url(name)).status_code == (200 if adds else 403)


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
def test_only_an_admin_changes_and_only_processors_and_users(role):
    rows = [make_processor(), LimitRule.objects.first(), make_user("viewer")]
    client = open_browser(role)
    posted = {
        row._meta.model_name: client.post(write_change_url(row), {}).status_code for row in rows
    }
    changes = 200 if role == "admin" else 403  # 200: the form again, with its errors
    assert posted == {"processor": changes, "user": changes, "limitrule": 403}
    for row in rows:
        gone = client.post(write_change_url(row).replace("/change/", "/delete/"), {"post": "yes"})
        assert gone.status_code == 403


def test_what_pages_show_is_not_in_the_admin_and_what_is_there_is_declared():
    names = {f"{it._meta.app_label}_{it._meta.model_name}" for it in admin.site._registry}
    assert names == set(WHO_SEES)


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
def test_the_index_has_plain_headings_and_leads_back_to_the_settings(role, ent):
    client = open_browser(role)
    page = client.get(reverse("admin:index"))
    words = read_words(page)
    assert "Staff, processors and limits" in words
    assert "Staff and processors Model name" in words
    assert "Limits Model name" in words
    assert [word for word in ("Ppims", "Recent actions", "View site") if word in words] == []
    assert f'href="{reverse("settings")}"' in page.content.decode()
    assert "System id" in read_words(client.get(write_list_url("ppims_processor")))


def test_whoever_is_not_of_the_staff_is_sent_to_the_log_in():
    user = make_user("admin")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    client = Client()
    client.force_login(user)
    assert client.get(write_list_url("ppims_processor")).status_code == 302


def test_roles_are_not_edited():
    client = open_browser("admin")
    assert client.get("/admin/auth/group/").status_code == 404


# Processors.


def read_password_shown(response):
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode().split("<code>")[1].split("</code>")[0]


def log_in(username, password):
    return run_to_end(credentials.authenticate(username, password, "127.0.0.1"))


def assert_kept_nowhere(client, password):
    assert password not in json.dumps(dict(client.session.items()))
    assert password not in str(client.cookies)
    names = ("ppims_processor", "ppims_user")
    pages = [client.get(write_list_url(name)).content.decode() for name in names]
    pages += [client.get(write_change_url(row)).content.decode() for row in Processor.objects.all()]
    assert password not in "".join(pages)
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))


def test_a_new_processors_password_is_shown_once_and_lets_it_in():
    client = open_browser("admin")
    password = read_password_shown(client.post(write_add_url("ppims_processor"), PROCESSOR))
    assert_kept_nowhere(client, password)
    assert log_in("PPIM_UPI", password).system_id == "UPI"
    actions = list(AuditEntry.objects.order_by("-pk").values_list("action", flat=True)[:2])
    assert actions == ["processor given a new password", "processor added"]


def test_a_processor_is_given_another_password():
    processor, client = make_processor(), open_browser("admin")
    first = read_password_shown(run_action(client, processor, "make_new_password"))
    second = read_password_shown(run_action(client, processor, "make_new_password"))
    assert first != second
    assert_kept_nowhere(client, second)
    with pytest.raises(credentials.NotAuthenticated):
        log_in(processor.username, first)
    assert log_in(processor.username, second) == processor


def test_one_processor_at_a_time_is_given_a_password():
    rows = [make_processor("ENT"), make_processor("CBS")]
    before = [row.password for row in rows]
    body = {"action": "make_new_password", "_selected_action": [row.pk for row in rows]}
    open_browser("admin").post(write_list_url("ppims_processor"), body)
    assert [Processor.objects.get(pk=row.pk).password for row in rows] == before


@pytest.mark.parametrize("role", sorted(EVERY_ROLE - {"admin"}))
def test_no_other_role_makes_a_password(role):
    processor = make_processor()
    run_action(open_browser(role), processor, "make_new_password")
    assert Processor.objects.get().password == processor.password


def test_a_processors_system_id_and_username_stay():
    processor = make_processor()
    body = {**PROCESSOR, "state": "DISABLED", "hold_minutes": "30"}
    assert open_browser("admin").post(write_change_url(processor), body).status_code == 302
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
    page = open_browser("admin").post(write_add_url("ppims_processor"), {**PROCESSOR, field: value})
    assert list(page.context["adminform"].form.errors) == [field]
    assert not Processor.objects.exists()


# Users.


def test_an_admin_adds_a_user_of_a_role_and_can_give_no_other_power():
    role_groups.set_up()
    maker = Group.objects.get(name="maker")
    stranger = Group.objects.create(name="everything")
    body = {"username": "ravi", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    body |= {"user_permissions": [Permission.objects.first().pk], "password1": LONG_PASSWORD}
    client = open_browser("admin")
    refused = client.post(write_add_url("ppims_user"), {**body, "groups": [maker.pk, stranger.pk]})
    assert list(refused.context["adminform"].form.errors) == ["groups"]
    page = client.post(write_add_url("ppims_user"), {**body, "groups": [maker.pk]})
    password = read_password_shown(page)
    user = User.objects.get(username="ravi")
    assert [group.name for group in user.groups.all()] == ["maker"]
    assert user.is_staff and not user.is_superuser and not user.user_permissions.exists()  # noqa: PT018
    assert user.has_one_time_password and user.check_password(password)  # noqa: PT018
    given, added = AuditEntry.objects.order_by("-pk")[:2]
    assert (added.action, json.loads(added.detail)["groups"]) == ("user added", ["maker"])
    assert given.action == "user given a one-time password"
    assert_kept_nowhere(client, password)


def test_changing_a_user_is_audited():
    user, client = make_user("viewer"), open_browser("admin")
    checker = Group.objects.get(name="checker")
    body = {"username": user.username, "is_active": "on", "groups": [checker.pk]}
    assert client.post(write_change_url(user), {**body, "is_superuser": "on"}).status_code == 302
    user.refresh_from_db()
    assert not user.is_superuser
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, json.loads(entry.detail)["groups"]) == ("user changed", ["checker"])


@pytest.mark.parametrize("others", [[], ["maker", "admin"], ["viewer", "checker"], roles.ROLES])
def test_a_user_has_exactly_one_role(others):
    """So who makes users is none of the two people of a decision."""
    user, client = make_user("maker"), open_browser("admin")
    groups = Group.objects.filter(name__in=others)
    body = {"username": user.username, "is_active": "on", "groups": [g.pk for g in groups]}
    said = "exactly one role" if others else "Choose the role: without one nothing opens."
    for address in (write_change_url(user), write_add_url("ppims_user")):
        refused = client.post(address, {**body, "username": f"{user.username}s"})
        assert said in read_words(refused)
    assert [group.name for group in user.groups.all()] == ["maker"]


def test_who_is_given_a_role_is_of_the_staff_by_it():
    client = open_browser("admin")
    viewer = Group.objects.get(name="viewer")
    page = client.get(write_add_url("ppims_user")).content.decode()
    assert 'name="is_staff"' not in page
    assert page.count('name="groups"') == 1
    client.post(write_add_url("ppims_user"), {"username": "ravi", "groups": viewer.pk})
    assert User.objects.get(username="ravi").is_staff
    shown = client.get(write_change_url(User.objects.get(username="ravi"))).content.decode()
    assert f'<option value="{viewer.pk}" selected>viewer</option>' in shown


def test_staff_are_those_of_a_role_at_every_start():
    of_a_role, without, over = make_user("viewer"), make_user("maker"), make_user("viewer")
    without.groups.clear()
    over.groups.clear()
    User.objects.filter(pk=of_a_role.pk).update(is_staff=False)
    User.objects.filter(pk=over.pk).update(is_superuser=True)
    role_groups.set_up()
    said = dict(User.objects.values_list("pk", "is_staff"))
    assert [said[user.pk] for user in (of_a_role, without, over)] == [True, False, True]


def test_no_admin_sets_a_password_that_somebody_goes_on_with():
    user, client = make_user("maker"), open_browser("admin")
    address = write_change_url(user).replace("/change/", "/password/")
    body = {
        "password1": LONG_PASSWORD,
        "password2": LONG_PASSWORD,
        "usable_password": "true",
        "set-password": "1",
    }
    password = read_password_shown(client.post(address, body))
    user.refresh_from_db()
    assert user.check_password(password)
    assert user.has_one_time_password


def test_a_superuser_is_out_of_an_admins_reach():
    user = make_user("viewer", is_superuser=True)
    client = open_browser("admin")
    assert client.post(write_change_url(user), {}).status_code == 403
    address = write_change_url(user).replace("/change/", "/password/")
    assert (
        client.post(address, {"password1": LONG_PASSWORD, "password2": LONG_PASSWORD}).status_code
        == 403
    )


def test_createsuperuser_makes_an_admin_of_the_role(monkeypatch):
    role_groups.set_up()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", LONG_PASSWORD)
    call_command("createsuperuser", "--noinput", username="first", email="f@example.in")
    user = User.objects.get(username="first")
    assert user.is_staff and not user.is_superuser and user.check_password(LONG_PASSWORD)  # noqa: PT018
    assert [group.name for group in user.groups.all()] == ["admin"]
    client = Client()
    client.post("/log-in", {"username": "first", "password": LONG_PASSWORD})
    assert client.get(write_list_url("ppims_user")).status_code == 200

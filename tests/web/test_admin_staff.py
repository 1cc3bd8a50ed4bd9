"""Processors in the admin; and that it holds nothing else to change: no person, no role."""

import json

import pytest
from django.contrib import admin
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
}
WHO_ADDS = {"limits_limitrule": {"admin"}, "ppims_processor": {"admin"}}
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
def test_only_an_admin_changes_and_only_processors(role):
    rows = [make_processor(), LimitRule.objects.first()]
    client = open_browser(role)
    posted = {
        row._meta.model_name: client.post(write_change_url(row), {}).status_code for row in rows
    }
    changes = 200 if role == "admin" else 403  # 200: the form again, with its errors
    assert posted == {"processor": changes, "limitrule": 403}
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
    assert "Processors and limits" in words
    assert "Processors Model name" in words
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


@pytest.mark.parametrize("path", ["auth/group/", "ppims/user/", "ppims/user/{pk}/password/"])
def test_no_role_and_nobody_of_the_staff_is_changed_here(path):
    """Two admins do, under Settings: here one could have made a second self."""
    address = f"/admin/{path.format(pk=make_user('viewer').pk)}"
    client = open_browser("admin")
    assert client.get(address).status_code == client.post(address).status_code == 404


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
    pages = [client.get(write_list_url("ppims_processor")).content.decode()]
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


def test_staff_are_those_of_a_role_at_every_start():
    of_a_role, without, over = make_user("viewer"), make_user("maker"), make_user("viewer")
    without.groups.clear()
    over.groups.clear()
    User.objects.filter(pk=of_a_role.pk).update(is_staff=False)
    User.objects.filter(pk=over.pk).update(is_superuser=True)
    role_groups.set_up()
    said = dict(User.objects.values_list("pk", "is_staff"))
    assert [said[user.pk] for user in (of_a_role, without, over)] == [True, False, True]


def test_createsuperuser_makes_an_admin_of_the_role(monkeypatch):
    role_groups.set_up()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", LONG_PASSWORD)
    call_command("createsuperuser", "--noinput", username="first", email="f@example.in")
    user = User.objects.get(username="first")
    assert user.is_staff and not user.is_superuser and user.check_password(LONG_PASSWORD)  # noqa: PT018
    assert [group.name for group in user.groups.all()] == ["admin"]
    client = Client()
    client.post("/log-in", {"username": "first", "password": LONG_PASSWORD})
    assert client.get(reverse("staff")).status_code == 200

"""What is left in the admin: nothing to change of people, roles and processors."""

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from ppims.core import roles
from ppims.models import User
from ppims.services import role_groups
from tests.web.admin_pages import (
    make_user,
    open_browser,
    read_words,
    write_add_url,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
EVERY_ROLE = set(roles.ROLES)
WHO_SEES = {}
WHO_ADDS: dict[str, set[str]] = {}
LONG_PASSWORD = "a-rather-long-passphrase"


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
@pytest.mark.parametrize("name", sorted(WHO_SEES))
def test_each_role_sees_and_adds_what_it_may(role, name):
    client = open_browser(role)
    sees, adds = role in WHO_SEES[name], role in WHO_ADDS.get(name, ())
    assert client.get(write_list_url(name)).status_code == (200 if sees else 403)
    assert client.get(write_add_url(name)).status_code == (200 if adds else 403)


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
def test_nobody_changes_a_row_that_is_there(role):
    rows = []
    client = open_browser(role)
    posted = {
        row._meta.model_name: client.post(write_change_url(row), {}).status_code for row in rows
    }
    assert posted == {}
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
    assert "Limits Model name" in words
    assert [word for word in ("Ppims", "Recent actions", "View site") if word in words] == []
    assert f'href="{reverse("settings")}"' in page.content.decode()
    assert "KYC tier" in read_words(client.get(write_list_url("limits_limitrule")))


def test_whoever_is_not_of_the_staff_is_sent_to_the_log_in():
    user = make_user("admin")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    client = Client()
    client.force_login(user)
    assert client.get(write_list_url("limits_seal")).status_code == 302


@pytest.mark.parametrize(
    "path",
    ["auth/group/", "ppims/user/", "ppims/user/{pk}/password/", "ppims/processor/"],
)
def test_no_role_nobody_of_the_staff_and_no_processor_is_changed_here(path):
    """Two admins do, under Settings: here one could have made a second self."""
    address = f"/admin/{path.format(pk=make_user('viewer').pk)}"
    client = open_browser("admin")
    assert client.get(address).status_code == client.post(address).status_code == 404


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

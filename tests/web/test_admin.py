"""What is left in the admin: nothing to change of people, roles and processors."""

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from limits.models import LimitRule
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
TABLES = {
    "limits_limitrule": ("limits", "limits-change"),
    "ppims_processor": ("processor", "processor-new"),
    "ppims_user": ("staff-member", "staff-add"),
}
LONG_PASSWORD = "a-rather-long-passphrase"


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
@pytest.mark.parametrize("name", sorted(TABLES))
def test_admins_alone_look_through_the_tables(role, name):
    status = open_browser(role).get(write_list_url(name)).status_code
    assert status == (200 if role == "admin" else 403)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(TABLES))
def test_add_and_each_row_lead_to_the_page_that_changes_it(name, method, ent):
    rows = {"limits_limitrule": LimitRule.objects.first(), "ppims_processor": ent}
    row = rows.get(name) or make_user("viewer")
    row_page, add_page = TABLES[name]
    admins, others = open_browser("admin"), open_browser("checker")
    before = read_row(row)
    said = {"name": "x", "username": "x", "is_active": ""} if method == "post" else {}
    added = getattr(admins, method)(write_add_url(name), said)
    opened = getattr(admins, method)(write_change_url(row), said)
    keys = [] if row_page == "limits" else [row.pk]
    led = [added["Location"], opened["Location"]]
    assert led == [reverse(add_page), reverse(row_page, args=keys)]
    assert getattr(others, method)(write_change_url(row)).status_code == 403
    assert getattr(others, method)(write_add_url(name)).status_code == 403
    assert read_row(row) == before


@pytest.mark.parametrize("role", sorted(EVERY_ROLE))
@pytest.mark.parametrize("name", sorted(TABLES))
def test_nobody_deletes_a_row(role, name, ent):
    rows = {"limits_limitrule": LimitRule.objects.first(), "ppims_processor": ent}
    row = rows.get(name) or make_user("viewer")
    client = open_browser(role)
    address = write_change_url(row).replace("/change/", "/delete/")
    assert client.post(address, {"post": "yes"}).status_code == 403
    client.post(write_list_url(name), {"action": "delete_selected", "_selected_action": row.pk})
    assert type(row).objects.filter(pk=row.pk).exists()


def read_row(row):
    model = type(row)
    return model.objects.count(), model.objects.filter(pk=row.pk).values().get()


def test_what_pages_show_is_not_in_the_admin_and_what_is_there_is_declared():
    names = {f"{it._meta.app_label}_{it._meta.model_name}" for it in admin.site._registry}
    assert names == set(TABLES)


def test_the_index_has_plain_headings_and_leads_back_to_the_settings(ent):
    client = open_browser("admin")
    page = client.get(reverse("admin:index"))
    words = read_words(page)
    assert "Staff, processors and limits" in words
    assert "Staff and processors Model name" in words
    assert "Limits Model name" in words
    assert [word for word in ("Ppims", "Recent actions", "View site") if word in words] == []
    assert f'href="{reverse("settings")}"' in page.content.decode()
    assert "KYC tier" in read_words(client.get(write_list_url("limits_limitrule")))


def test_whoever_is_not_of_the_staff_is_sent_to_the_log_in():
    user = make_user("admin")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    client = Client()
    client.force_login(user)
    assert client.get(write_list_url("ppims_user")).status_code == 302


@pytest.mark.parametrize(
    "path",
    ["auth/group/", "limits/seal/"],
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

"""No page is a dead end: each has a way to log out, for who has a role and for who has none."""

import re

import pytest
from django.template import loader
from django.test import Client
from django.urls import reverse

from ppims.core import roles
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.test_odd_values import PAGE_ADDRESSES

pytestmark = pytest.mark.django_db
WAYS_OUT = re.compile(r'(?:action|href)="(?:/log-out|/admin/logout/)"')
REFUSED_PAGES = {
    "404": "/nothing",
    "400": "/settings/limits?a=%00",
    "400, admin": "/admin/limits/seal/?a=1",
}
NOT_FOR_READING = {
    *("healthz", "readyz", "stay", "api:openapi", "sessions-end", "staff-sessions-end"),
    *("customer-statement", "transactions-export", "audit-export", "customers-export"),
    *("import-go-on", "import-refused", "import-template"),
    *("reconciliation-export", "reconciliation-template"),
    *("audit-proof", "audit-seal", "audit-verify", "seal-file", "reports-export"),
}


def open_client_without_a_role():
    user = make_user("viewer")
    user.groups.clear()
    client = Client()
    client.force_login(user)
    return client


def list_without_a_way_out(client):
    """List the pages that open to this person, or say why not, from which no way leads out."""
    addresses = {**PAGE_ADDRESSES, **REFUSED_PAGES}
    dead = {}
    for name in addresses.keys() - NOT_FOR_READING:
        page = client.get(addresses[name], follow=True)
        assert page.status_code in {200, 400, 403, 404}, name
        if (
            not WAYS_OUT.search(page.content.decode())
            and b'<form class="narrow"' not in page.content
        ):
            dead[name] = page.status_code
    return dead


@pytest.mark.parametrize("role", sorted(roles.ROLES))
def test_from_each_page_a_way_leads_out(role):
    assert list_without_a_way_out(open_browser(role)) == {}


def test_who_has_no_role_is_told_so_on_every_page_and_can_log_out(settings):
    settings.PPIMS_STAND_IN = True  # on any database
    client = open_client_without_a_role()
    open_to_all = {
        "password_change",
        "api:docs",
        "api:operation",
        "logout",
        "login",
        "favicon.ico",
        "second-factor",  # not there, where none is asked for
    } | REFUSED_PAGES.keys()
    for name in PAGE_ADDRESSES.keys() - open_to_all - NOT_FOR_READING:
        page = client.get(PAGE_ADDRESSES[name], follow=True)
        assert page.status_code == 403, name
        assert "You have no role yet, so nothing opens for you." in read_words(page), name
    assert list_without_a_way_out(client) == {}
    assert client.get("/password").status_code == 200
    part = client.get("/settings/limits", headers={"HX-Request": "true"})
    assert (
        part.content.decode().strip().startswith('<p class="failed" role="alert">You have no role')
    )


def test_a_person_without_a_role_logs_out():
    client = open_client_without_a_role()
    assert client.post(reverse("logout"))["Location"] == "/log-in"
    assert client.get("/settings/limits").status_code == 302


def test_a_link_leads_to_the_button_that_logs_out_and_ends_nothing_itself():
    client = open_browser("viewer")
    page = client.get("/log-out")
    assert '<form method="post" action="/log-out">' in page.content.decode()
    assert client.get("/settings/limits").status_code == 200
    assert Client().get("/log-out")["Location"] == "/log-in"


@pytest.mark.parametrize("template", ["500.html", "503.html"])
def test_also_where_a_page_has_failed(template):
    assert WAYS_OUT.search(loader.render_to_string(template))

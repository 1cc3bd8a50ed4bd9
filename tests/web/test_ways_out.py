"""No page is a dead end: each has a way to log out, for who has a role and for who has none."""

import re

import pytest
from django.template import loader
from django.test import Client
from django.urls import reverse

from ppims.core import roles
from tests.web.admin_pages import browser_of, user_of, words_of
from tests.web.test_odd_values import PAGES

pytestmark = pytest.mark.django_db
WAYS_OUT = re.compile(r'(?:action|href)="(?:/log-out|/admin/logout/)"')
OF_THE_API = "/api/PPIM/v1/docs"
REFUSED = {"404": "/nothing", "400": "/limits?a=%00", "400, admin": "/admin/limits/seal/?a=1"}
NOT_FOR_READING = {"healthz", "readyz", "stay", "customer-statement"}


def client_without_a_role():
    user = user_of("viewer")
    user.groups.clear()
    client = Client()
    client.force_login(user)
    return client


def without_a_way_out(client):
    """List the pages that open to this person, or say why not, from which no way leads out."""
    addresses = {**PAGES, **REFUSED, "docs": OF_THE_API}
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
    assert without_a_way_out(browser_of(role)) == {}


def test_who_has_no_role_is_told_so_on_every_page_and_can_log_out():
    client = client_without_a_role()
    open_to_all = {"password_change", "docs", "logout", "login", "favicon.ico"} | REFUSED.keys()
    for name in PAGES.keys() - open_to_all - NOT_FOR_READING:
        page = client.get(PAGES[name], follow=True)
        assert page.status_code == 403, name
        assert "You have no role yet, so nothing opens for you." in words_of(page), name
    assert without_a_way_out(client) == {}
    assert client.get("/password").status_code == 200
    part = client.get("/limits", headers={"HX-Request": "true"})
    assert (
        part.content.decode().strip().startswith('<p class="failed" role="alert">You have no role')
    )


def test_a_person_without_a_role_logs_out():
    client = client_without_a_role()
    assert client.post(reverse("logout"))["Location"] == "/log-in"
    assert client.get("/limits").status_code == 302


def test_a_link_leads_to_the_button_that_logs_out_and_ends_nothing_itself():
    client = browser_of("viewer")
    page = client.get("/log-out")
    assert '<form method="post" action="/log-out">' in page.content.decode()
    assert client.get("/limits").status_code == 200
    assert Client().get("/log-out")["Location"] == "/log-in"


@pytest.mark.parametrize("template", ["500.html", "503.html"])
def test_also_where_a_page_has_failed(template):
    assert WAYS_OUT.search(loader.render_to_string(template))

"""What an admin page may be asked for: what it offers itself. Every other look-up is a 400."""

import io
import logging
import re
import sys
from functools import cache

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.db.backends.sqlite3 import _functions
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from ppims import urls
from ppims.backoffice.admin_site import Site, list_secrets
from ppims.core import roles
from ppims.models import User
from ppims.server.logs import Formatter, Handler
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import open_browser, write_list_url

pytestmark = pytest.mark.django_db
PATTERN = "^(([a-zA-Z0-9$=,+/]+)+)+!$"
LOOKUPS = ("", "__regex", "__iregex", "__startswith")
OF_THE_SESSION = re.compile(r'"ppims_user"."id" = \S+ LIMIT')  # who is asking
OF_A_FILTER = ("", "__exact", "__isnull", "__id__exact")


@cache
def name_lists():
    """Name the list of each model that is registered."""
    return {
        f"{model._meta.app_label}_{model._meta.model_name}": model_admin
        for model, model_admin in admin.site._registry.items()
    }


def list_lookups(model_admin):
    """Name look-ups of each column and relation, and of the columns at these' other end: all but
    those that filters use.
    """
    filters = [each for each in model_admin.list_filter if isinstance(each, str)]
    used = {f"{name}{way}" for name in filters for way in OF_A_FILTER} | {"state"}
    for field in model_admin.model._meta.get_fields():
        yield from {field.name + lookup for lookup in LOOKUPS} - used
        if field.related_model:
            far = [each.name for each in field.related_model._meta.fields]
            yield from (f"{field.name}__{name}__regex" for name in far)


def assert_refused(client, address, **query):
    return client.get(address, query).status_code == 400


@pytest.fixture
def browsers():
    return {role: open_browser(role) for role in roles.ROLES}


@pytest.fixture
def quiet(monkeypatch):
    """Let nothing be written of hundreds of refusals."""
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)


def test_no_list_takes_a_look_up_that_it_does_not_offer(quiet):
    viewer = open_browser("viewer")
    asked = [(name, each) for name, offers in name_lists().items() for each in list_lookups(offers)]
    assert len(asked) > 100
    passed = [
        each
        for each in asked
        if not assert_refused(viewer, write_list_url(each[0]), **{each[1]: "a"})
    ]
    assert passed == []


@pytest.mark.parametrize("name", sorted(name_lists()))
def test_no_role_has_a_look_up_that_another_has_not(browsers, quiet, name):
    secret = list_secrets(name_lists()[name].model) or ["pk"]
    for role, client in browsers.items():
        for lookup in ("__regex", "__iregex", "__startswith"):
            assert assert_refused(client, write_list_url(name), **{secret[0] + lookup: PATTERN}), (
                role
            )


@pytest.mark.parametrize("name", sorted(name_lists()))
def test_no_list_opens_as_a_pop_up_names_a_column_or_counts_choices(browsers, quiet, name):
    for query in ({"_popup": "1"}, {"_to_field": "id"}, {"_to_field": "password"}, {"_facets": ""}):
        for role, client in browsers.items():
            assert assert_refused(client, write_list_url(name), **query), (role, query)


@pytest.mark.parametrize("name", sorted(name_lists()))
def test_a_list_that_can_not_be_sorted_is_not_by_its_address(name):
    client, offers = open_browser("auditor"), name_lists()[name]
    may_sort = offers.sortable_by != ()
    assert assert_refused(client, write_list_url(name), o="1") != may_sort


def test_a_form_sends_no_pop_up_and_names_no_column():
    admins, address = open_browser("admin"), f"{write_list_url('limits_limitrule')}add/"
    for more in ({"_popup": "1"}, {"_to_field": "maker"}):
        assert admins.post(address, {"tier": "P", **more}).status_code == 400
    assert assert_refused(admins, address, _to_field="maker")
    assert assert_refused(admins, address, source="Told by the address")


@pytest.mark.parametrize("role", sorted(roles.ROLES))
def test_what_fills_in_other_admins_forms_is_closed(role):
    query = {"app_label": "ppims", "model_name": "auditentry", "field_name": "user", "term": "a"}
    assert assert_refused(open_browser(role), "/admin/autocomplete/", **query)


def test_nothing_of_what_was_asked_is_in_the_log():
    client, found = open_browser("viewer"), io.StringIO()
    handler = Handler(found)
    handler.setFormatter(Formatter())
    logger = logging.getLogger("django")
    logger.addHandler(handler)
    try:
        for query in (
            {"maker__password__regex": "^argon2"},
            {"mobile__startswith": "919812345678"},
        ):
            client.get(write_list_url("limits_limitrule"), query)
        client.get("/no-such-page", {"mobile": "919812345678"})
    finally:
        logger.removeHandler(handler)
    lines = found.getvalue()
    assert lines.count("/admin/limits/limitrule/") >= 2
    assert "/no-such-page" in lines
    assert [text for text in ("argon2", "regex", "9198", "startswith") if text in lines] == []


def test_a_refused_look_up_never_reaches_the_database(monkeypatch):
    """Where a pattern of a person's reached SQLite's REGEXP, Python's `re` would run it."""
    monkeypatch.setattr(_functions, "_sqlite_regexp", lambda *_: pytest.fail("a pattern ran"))
    client = open_browser("admin")
    client.get("/settings/limits")
    with CaptureQueriesContext(connection) as asked:
        assert assert_refused(client, write_list_url("ppims_processor"), name__regex=PATTERN)
    assert [query for query in asked if '"ppims_processor"' in query["sql"]] == []


def test_every_filter_search_and_order_that_a_list_shows_still_works():
    ent = make_processor("ENT")
    pk = make_customer(ent)
    make_check(ent, pk, 100)
    make_posting(ent, pk, 100)
    for role in ("admin",):
        client = open_browser(role)
        for name in name_lists():
            shown = client.get(write_list_url(name)).context["cl"]
            links = {"?p=1", "?all=", "?e=1"}
            links |= {c["query_string"] for spec in shown.filter_specs for c in spec.choices(shown)}
            links |= {"?q=482915307264158"} if shown.search_fields else set()
            links |= {"?o=1", "?o=-2.1"} if shown.sortable_by else set()
            answers = {link: client.get(write_list_url(name) + link).status_code for link in links}
            assert set(answers.values()) == {200}, (name, answers)


def test_a_list_reads_no_hash_no_digest_and_nothing_encrypted():
    ent = make_processor("ENT")
    pk = make_customer(ent)
    make_check(ent, pk, 100)
    make_posting(ent, pk, 100)
    seen = set()
    for role in ("admin",):
        client = open_browser(role)
        for name, model_admin in name_lists().items():
            with CaptureQueriesContext(connection) as asked:
                response = client.get(write_list_url(name))
            if response.status_code == 403:
                continue
            seen.add(name)
            own = [q["sql"] for q in asked if not OF_THE_SESSION.search(q["sql"])]
            read = " ".join(sql.partition(" FROM ")[0] for sql in own)
            related = {field.related_model for field in model_admin.opts.fields}
            models = {model_admin.model, *related} - {None}
            secret = [
                f'"{model._meta.db_table}"."{column}"'
                for model in models
                for column in list_secrets(model)
            ]
            assert [each for each in secret if each in read] == [], name
    assert seen == set(name_lists())


# What another app registers, as axes would: the site holds for it too.

elsewhere = Site("elsewhere")
elsewhere.register(Group)
elsewhere.register(AccessAttempt, list_filter=["username"], date_hierarchy="attempt_time")
handler400 = urls.handler400
urlpatterns = [path("elsewhere/", elsewhere.urls), *urls.urlpatterns]


@pytest.fixture
def root(settings):
    """Somebody who may see everything, and a site on which other apps have registered theirs."""
    settings.ROOT_URLCONF = sys.modules[__name__].__name__
    client = open_browser("admin")
    User.objects.update(is_superuser=True)
    return client


def test_what_another_app_registers_takes_no_more(root):
    assert root.get("/elsewhere/axes/accessattempt/").status_code == 200
    assert root.get("/elsewhere/axes/accessattempt/?username=a").status_code == 200
    assert root.get("/elsewhere/auth/group/?o=1").status_code == 200
    for address in (
        "axes/accessattempt/?username__regex=a",
        "axes/accessattempt/?ip_address__startswith=10",
        "axes/accessattempt/?attempt_time__year=99999",
        "axes/accessattempt/?attempt_time__month__regex=1",
        "auth/group/?name__iregex=a",
        "auth/group/?permissions__codename__regex=a",
        "auth/group/?user__password__startswith=argon2",
        "auth/group/?_popup=1",
        "auth/group/?_to_field=name",
    ):
        assert root.get(f"/elsewhere/{address}").status_code == 400, address


def test_who_is_not_logged_in_is_sent_to_the_log_in_whatever_is_asked():
    answer = Client().get(write_list_url("limits_limitrule"), {"maker__password__regex": PATTERN})
    assert answer.status_code == 302

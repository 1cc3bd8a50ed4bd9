"""The demo served, and people in front of Debian's chromium. A pytest process of its own runs this
folder (tests/__main__.py): in one where a browser runs, Django refuses its ORM to every later test.

The demo is told once, and all tests share it: each works on rows of its own, and counts nothing.
"""

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from time import time
from typing import TypeVar
from urllib.parse import unquote_plus

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from customers.models import Customer
from limits.services import rules
from ppims.demo import load
from ppims.models import User

T = TypeVar("T")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RUN_AXE = "axe.run({resultTypes: ['violations']})"
CHROMIUM = shutil.which("chromium")
ONE_OF_EACH = {role: name for name, role in reversed(load.STAFF.items())}
REFUSED_MESSAGE = "Failed to load resource: the server responded with a status of "  # and 404, say
READ_STORES = "[localStorage, sessionStorage].flatMap((store) => Object.entries(store))"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def pytest_addoption(parser):
    parser.addoption("--screens", action="store_true", help="write docs/screens/ anew")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": as_root}


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, tmp_path_factory):
    """Make a database for the whole session, though no test is marked for one; on SQLite in a file,
    for the server's threads have connections of their own.
    """
    database = connections["default"]
    if database.vendor == "sqlite":
        path = tmp_path_factory.mktemp("database") / "browser.sqlite3"
        database.settings_dict["TEST"]["NAME"] = str(path)
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        rules.load_first_pack()
        yield
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def site(django_db_setup):
    """Serve the demo to the end of the session; every test may read and write it."""
    assert load.load()
    server = LiveServer("127.0.0.1")
    yield server.url
    server.stop()


@dataclass
class Seen:
    """What a page said to the console, and where it went."""

    console: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        page.on("request", lambda request: self.addresses.append(request.url))


@pytest.fixture
def visit(site, new_context):
    """Open a browser for somebody, by role or username: visit("maker", "/overview"), or nobody;
    more goes to its context.

    In the end no page may have said a word to its console but what is `expected`, such as REFUSED;
    no address may have held a name or a mobile number, nor does the browser keep any.
    """
    watched = []

    def open_page(role: str = "", address: str = "", *, expected: tuple = (), **more) -> Page:
        context = new_context(base_url=site, **more)
        context.set_default_timeout(5_000)
        if role:
            context.add_cookies([make_session(role, site)])
        page, seen = context.new_page(), Seen()
        seen.watch(page)
        watched.append((page, seen, expected))
        if address:
            page.goto(address)
        return page

    yield open_page
    for page, seen, expected in watched:
        assert [line for line in seen.console if not any(e in line for e in expected)] == []
        assert find_personal(seen.addresses) == set()
        assert find_personal(map(str, read_kept(page, site))) == set()


def find_violations(page):
    """Let axe look at a page. It is sent for each look: one that each page brings along is read
    anew at each step of a test.
    """
    page.evaluate(AXE)
    return page.evaluate(RUN_AXE)["violations"]


def find_personal(texts) -> set[str]:
    """Give the words and numbers in texts that are of a customer's name, or a mobile number."""
    said = {word for text in texts for word in re.findall(r"\w+", unquote_plus(text).lower())}
    people = Customer.objects.values_list("name", "mobile")
    names = {word for name, _ in people for word in re.findall(r"\w+", name.lower())}
    mobiles = {number for _, mobile in people for number in (mobile, mobile[2:]) if number}
    return said & (names | mobiles)


def read_kept(page: Page, site: str) -> list:
    """Give what the browser keeps of a page, where that is still one of ours."""
    is_ours = not page.is_closed() and page.url.startswith(site)
    return page.evaluate(READ_STORES) if is_ours else []


def run_in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread where no event loop runs, as Playwright's does in the test's own: there
    the ORM and hand-written SQL would each have a connection of their own, and wait for each other.
    """

    def do() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


def make_session(role: str, site: str) -> dict[str, str]:
    """Log one of the demo's people in: the cookie for it."""
    user = User.objects.get(username=ONE_OF_EACH.get(role, role))
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["seen"] = int(time())
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": site}

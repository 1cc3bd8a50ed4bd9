"""What every test gets: a process that remembers nothing, the default rules, and two processors
with a client each.
"""

import json
import os
from dataclasses import dataclass
from functools import partial, wraps
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connection
from django.test import Client, TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from limits.services import rules
from ppims.api import root
from ppims.backoffice import login
from ppims.db import append_only
from ppims.models import Processor
from ppims.services import call_buffer, credentials, role_groups
from ppims.services.call_buffer import CallBuffer
from tests.distributed import cluster as distributed
from tests.factories import PASSWORD, draw_ref, make_processor
from tests.postgresql import cluster

# A browser's tests are run by themselves (tests/__main__.py).
collect_ignore = [] if os.environ.get("PPIMS_TEST_BROWSER") else ["browser"]

WORDS = {
    "add-customer": "Add_Customer",
    "update-customer": "Update_Customer",
    "customer-registration-status": "Check_Reg_Status",
    "check-customer-kyc": "Check_KYC",
    "check-customer-limit": "Check_Limit",
    "update-customer-limit": "Update_Limit",
}
PREFIX = "/api/PPIM/v1"


def let_flush_empty_append_only_tables(teardown):
    """TransactionTestCase flushes every table: our triggers refuse that, and stand aside for it.
    What every test finds is there again for whichever comes next.
    """

    @wraps(teardown)
    def flush(case):
        append_only.remove(*append_only.TABLES)
        try:
            teardown(case)
        finally:
            append_only.install(*append_only.TABLES)
        rules.load_first_pack()

    return flush


def find_static_files_once(find):
    """A Client's first request makes the middleware, which looks for hundreds of static files: let
    each find what the first one found.
    """
    found = {}

    @wraps(find)
    def find_once(served):
        if not found:
            find(served)
            found.update(served.files)
        served.files.update(found)

    return find_once


def pytest_configure():
    configured.PPIMS_GROUP_COMMIT = False  # a writer's thread would not see a test's transaction
    configured.PPIMS_THIS_MACHINE_ALONE = False  # tests ask from many addresses


def pytest_addoption(parser):
    help = "kill the server that often, not the few times of every run; and be strict about seconds"
    add = partial(parser.addoption, type=int, metavar="N")
    add("--kills", help=help)
    add("--requests", help="let schemathesis draw so many requests of the API")
    add("--cuts", help="cut the power that often")


# A writer's thread would not see a test's transaction.
configured.PPIMS_GROUP_COMMIT = False

# What processors and people ask. A role is the whole server's.
FRONT_DOORS = {"api", "web", "property"}
ROLE = "ppims_application"
MAKE_ROLE = f"""
    DO $$ BEGIN CREATE ROLE {ROLE} LOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""

# What touches no database has been tested with SQLite's.
DATABASES = {"db", "transactional_db", "installation"}


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if not is_for_vendor(connection.vendor, item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def is_for_vendor(vendor, item):
    only_on = item.get_closest_marker("only_on")
    if only_on:
        only, _reason = only_on.args
        return only == vendor
    if "citus" in item.fixturenames:  # counted as skipped once, where all are
        return vendor == "sqlite" or distributed.IS_HERE
    marked = item.get_closest_marker("django_db")
    if distributed.IS_HERE and marked and marked.kwargs.get("transaction"):
        return False  # what it leaves is truncated in the end, which shards refuse
    touches = item.get_closest_marker("django_db") or DATABASES & set(item.fixturenames)
    return vendor == "sqlite" or bool(touches)


TransactionTestCase._fixture_teardown = let_flush_empty_append_only_tables(
    TransactionTestCase._fixture_teardown
)


WhiteNoiseMiddleware.add_files_from_finders = find_static_files_once(
    WhiteNoiseMiddleware.add_files_from_finders
)


@pytest.fixture(autouse=True)
def _a_new_worker(monkeypatch):
    """Let a test begin as a worker does; the thread that writes refused calls would not see its
    transaction.
    """
    forget_log_ins()
    monkeypatch.setattr(CallBuffer, "start", lambda _: None)
    buffer = CallBuffer()
    for module in (root, call_buffer):
        monkeypatch.setattr(module, "buffer", buffer)
    yield
    forget_log_ins()


def forget_log_ins():
    """Forget who was verified and how often log-ins failed, as a new worker knows of neither."""
    credentials._verified.clear()
    for throttle in (credentials.throttle, login.throttle):
        throttle._windows.clear()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """On many machines, let each worker's database be on all of them."""
    if distributed.IS_HERE:
        distributed.spread_tests_database(connection.creation)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Load the rules and the staff's roles once into each worker's database."""
    with django_db_blocker.unblock():
        if distributed.IS_HERE:
            call_command("distribute", stdout=StringIO())
        rules.load_first_pack()
        role_groups.set_up()
        if connection.vendor == "postgresql":
            _make_the_applications_role()


def _make_the_applications_role():
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ROLE)
    call_command("grant_application", ROLE, stdout=StringIO())


@pytest.fixture(autouse=True)
def _as_the_application(request):
    """Let what goes through the front door do so with no more rights than the application has."""
    marked = request.node.get_closest_marker("as_the_application")
    is_in_front = marked or request.node.path.parent.name in FRONT_DOORS
    if not is_in_front or connection.vendor == "sqlite" or "db" not in request.fixturenames:
        return
    request.getfixturevalue("db")
    if connection.in_atomic_block:  # it ends with the test
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {ROLE}")


@pytest.fixture(scope="session")
def postgres_server():
    """The server that the tests run on; on SQLite, one of our own."""
    if connection.vendor == "postgresql":
        yield cluster.Server(configured.DATABASE_URL)
    else:
        with cluster.run_cluster() as server:
            yield server


@dataclass
class Caller:
    """A processor's client: fills in what every request needs; a field that is None is left out."""

    processor: Processor
    client: Client

    def make_body(self, operation: str, **fields: Any) -> dict[str, Any]:
        username = fields.pop("_username", self.processor.username)
        password = fields.pop("_password", PASSWORD)
        fields = {"Ref_Id": draw_ref(), "System_Id": self.processor.system_id, **fields}
        message = {name: value for name, value in fields.items() if value is not None}
        return {
            "Data": {WORDS[operation]: message, "Username": username, "Password": password},
            "Risk": {},
        }

    def call(self, operation: str, **fields: Any) -> tuple[int, dict[str, Any], Any]:
        return self.send(operation, json.dumps(self.make_body(operation, **fields)))

    def send(
        self, operation: str, body: str | bytes, **headers: Any
    ) -> tuple[int, dict[str, Any], Any]:
        response = self.client.post(
            f"{PREFIX}/{operation}", body, content_type="application/json", **headers
        )
        return response.status_code, json.loads(response.content), response


@pytest.fixture
def ent(db) -> Caller:
    return Caller(make_processor("ENT"), Client())


@pytest.fixture
def cbs(db) -> Caller:
    return Caller(make_processor("CBS"), Client())

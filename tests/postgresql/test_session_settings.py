"""Whatever a server, a database or a role has set: PPIMS answers the same."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.test import Client

from limits.verify import verify
from ppims.core import clock
from ppims.db import url as db_url
from tests.concurrency.conftest import ROOT, make_variables
from tests.conftest import Caller
from tests.factories import make_person, make_processor
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no settings of roles")
ROLE, PASSWORD = f"ppims_with_settings_{os.getpid()}", "a-password-of-tests"
AT = datetime(2026, 11, 27, 18, 45, 30, 123_456, tzinfo=UTC)  # the 28th in India
HOSTILE_SETTINGS = {
    "dates": {
        "DateStyle": "'SQL, DMY'",
        "TimeZone": "'Pacific/Kiritimati'",
        "IntervalStyle": "'sql_standard'",
        "lc_time": "'C.UTF-8'",
    },
    "text": {
        "client_encoding": "'LATIN1'",
        "standard_conforming_strings": "off",
        "backslash_quote": "off",
        "bytea_output": "'escape'",
        "quote_all_identifiers": "on",
        "default_text_search_config": "'simple'",
        "xmlbinary": "'hex'",
    },
    "numbers": {
        "extra_float_digits": "-15",
        "lc_numeric": "'C.UTF-8'",
        "lc_monetary": "'C.UTF-8'",
        "transform_null_equals": "on",
        "array_nulls": "off",
    },
    "names": {"search_path": "'pg_catalog'", "row_security": "off"},
    "transactions": {
        "default_transaction_isolation": "'repeatable read'",
        "default_transaction_deferrable": "on",
    },
    "patience": {
        "statement_timeout": "'1ms'",
        "lock_timeout": "'1ms'",
        "idle_in_transaction_session_timeout": "'1ms'",
    },
    "plans": {
        "plan_cache_mode": "'force_generic_plan'",
        "enable_indexscan": "off",
        "client_min_messages": "'debug1'",
    },
}
HOSTILE_SETTINGS["all"] = {
    name: value for kind in HOSTILE_SETTINGS.values() for name, value in kind.items()
}
PAGES = ("/overview", "/transactions", "/settings/limits", "/customers", "/customers/{unique_id}")


@pytest.fixture(scope="module")
def role(postgres_server):
    with postgres_server.connect() as server:
        server.execute(f"CREATE ROLE {ROLE} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        yield ROLE
        server.execute(f"DROP ROLE {ROLE}")


@contextmanager
def open_session(url):
    """Work on a new session at the URL, in the place of the tests' own."""
    own = connections[DEFAULT_DB_ALIAS]
    made = db_url.make_settings(url, busy_seconds=5, statement_seconds=30)
    both = {DEFAULT_DB_ALIAS: own.settings_dict, "another": made}
    another = type(own)(connections.configure_settings(both)["another"], "another")
    connections[DEFAULT_DB_ALIAS] = another
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own
        another.close()


def collect_answers(url):
    """Ask all that PPIMS is asked, and leave nothing behind."""
    with open_session(url), transaction.atomic():
        with clock.freeze(AT):
            said = [*collect_everything()]
        transaction.set_rollback(True)
    return said


def collect_everything():
    ent = Caller(make_processor("ENT"), Client())
    numbers = {"Customer_Id": "77", "Account_Number": "88", "Mobile_Number": "919812345670"}
    document = {"Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F"}
    told = make_person(**numbers, **document, Ref_Id="S1", Customer_Name="मीरा O'\\Shea")
    unique_id = ent.call("add-customer", **told)[1]["Data"]["Unique_Id"]
    both = {"Unique_Id": unique_id, "Amount": "2000.10", "Tran_Type": "D"}
    report = {**both, "Tran_Id": "T1", "Enquiry_Ref_Id": "S2"}
    calls = [
        ("add-customer", told),
        ("check-customer-limit", {**both, "Ref_Id": "S2"}),
        ("check-customer-limit", {**both, "Ref_Id": "S2"}),
        ("update-customer-limit", {**report, "Ref_Id": "S3", "Tran_Status": "S"}),
        ("update-customer-limit", {**report, "Ref_Id": "S3", "Tran_Status": "S"}),
        ("update-customer-limit", {**report, "Ref_Id": "S4", "Tran_Status": "R"}),
        ("update-customer", {"Ref_Id": "S5", "Unique_Id": unique_id, "KYC_Flag": "F"}),
        ("check-customer-kyc", {"Ref_Id": "S6", "Unique_Id": unique_id}),
        ("customer-registration-status", {"Ref_Id": "S7", "Mobile_Number": "919812345670"}),
    ]
    for operation, fields in calls:
        status, body, _ = ent.call(operation, **fields)
        yield operation, status, body["Data"]["Resp_Code"], blank_out(str(body), unique_id)
    browser = open_browser("checker")
    for page in PAGES:
        answer = browser.get(page.format(unique_id=unique_id))
        yield page, answer.status_code, blank_out(read_words(answer), unique_id)
    yield [str(finding) for finding in verify()]


def blank_out(text, unique_id):
    """Leave out what is drawn or counted up, not answered."""
    return re.sub(r"\bchecker\d+", "checker", text.replace(unique_id, "UNIQUE_ID"))


@pytest.fixture(scope="module")
def as_it_should_be(role, postgres_server, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        said = collect_answers(write_url(postgres_server))
    assert [code for _, status, code, *_ in said[:9] if (status, code) != (200, "000")] == []
    assert [status for _, status, *_ in said[9:-1]] == [200] * len(PAGES)
    assert said[-1] == []
    return said


def write_url(server):
    return server.write_url(connection.settings_dict["NAME"], user=ROLE).replace(
        server.parts.password, PASSWORD
    )


@pytest.mark.django_db
@pytest.mark.parametrize("kind", HOSTILE_SETTINGS)
def test_a_role_with_settings_of_its_own_is_answered_the_same(
    role, postgres_server, as_it_should_be, kind
):
    with postgres_server.connect() as server:
        server.execute(f"ALTER ROLE {role} RESET ALL")
        for name, value in HOSTILE_SETTINGS[kind].items():
            server.execute(f"ALTER ROLE {role} SET {name} = {value}")
    assert collect_answers(write_url(postgres_server)) == as_it_should_be


@pytest.mark.django_db
def test_what_the_url_says_counts_before(role, postgres_server):
    said = "?options=-c%20default_transaction_isolation%3Dserializable"
    url = write_url(postgres_server).partition("?")[0] + said
    with open_session(url), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("serializable",)


# What can't be used at all.


def manage(folder, url, *command):
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=make_variables(folder, DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def of_other_encoding(request, postgres_server):
    name = f"ppims_{request.param.lower()}_{os.getpid()}"
    with postgres_server.connect() as server:
        server.execute(f"CREATE DATABASE {name} ENCODING '{request.param}' TEMPLATE template0")
    yield request.param, postgres_server.write_url(name)
    postgres_server.drop_database(name)


@pytest.mark.parametrize("command", [["migrate"], ["prepare", "--url", "http://127.0.0.1"]])
def test_a_database_of_another_encoding_is_refused_with_what_to_do(
    tmp_path, of_other_encoding, command
):
    encoding, url = of_other_encoding
    code, said = manage(tmp_path, url, *command)
    assert (code, f"as {encoding}" in said, "ENCODING 'UTF8'" in said) == (1, True, True)


def test_no_second_set_of_tables_is_made_beside_one_in_another_schema(tmp_path, postgres_server):
    name = postgres_server.make_database()
    with postgres_server.connect(name) as database:
        database.execute("CREATE SCHEMA own")
        database.execute("CREATE TABLE own.django_migrations (id int)")
    code, said = manage(tmp_path, postgres_server.write_url(name), "migrate")
    assert (code, "?options=-c%20search_path%3Down" in said) == (1, True)
    postgres_server.drop_database(name)

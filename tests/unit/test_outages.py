"""Which of the database's errors are an outage and which a fault of ours; and who is given a fresh
connection.
"""

import json
import logging
import sqlite3

import psycopg
import pytest
from django.db import connection, utils
from django.test import Client

from ppims.backoffice import limits as limits_page
from ppims.core.errors import Unavailable
from ppims.db import outages, standbys
from ppims.db.transaction import run_in_transaction
from tests.factories import make_customer
from tests.web.admin_pages import open_browser

# As PostgreSQL's manual lists them: one, or more, of each class.
OTHERS_FIRST = ["40001", "40P01", "55P03"]
AWAY_CODES = [
    *("08000", "08006", "08P01", "28000", "28P01", "3D000", "53100", "53300", "57014", "57P01"),
    *("57P02", "57P03", "57P05", "58030", "25006", "25P03"),
]
FAULTS = [
    *("22001", "22003", "22021", "23505", "23001", "23514", "42P01", "42501", "42601", "P0001"),
    *("25001", "0A000", "26000", "54001", "XX000", "21000"),
]


def raise_by_django(error):
    """Give a driver's error as Django raises it."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    for name in ("DataError", "OperationalError", "IntegrityError", "InternalError"):
        if name in kinds:
            break
    else:
        name = next(
            name
            for name in ("ProgrammingError", "NotSupportedError", "DatabaseError", "InterfaceError")
            if name in kinds
        )
    wrapped = getattr(utils, name)("a forced fault with ₹secret")
    wrapped.__cause__ = error
    return wrapped


def make_postgresql_error(sqlstate):
    return raise_by_django(psycopg.errors.lookup(sqlstate)("₹secret"))


def make_sqlite_error(name, kind=sqlite3.OperationalError):
    error = kind("₹secret")
    error.sqlite_errorname = name
    return raise_by_django(error)


WITHOUT_A_WORD = {
    "closed by the server": psycopg.OperationalError("server closed the connection unexpectedly"),
    "no connection": psycopg.errors.ConnectionTimeout("timeout expired"),
    "closed before": psycopg.InterfaceError("the connection is closed"),
}
OUTAGES = {
    **{code: make_postgresql_error(code) for code in OTHERS_FIRST + AWAY_CODES},
    **{name: raise_by_django(error) for name, error in WITHOUT_A_WORD.items()},
    "SQLITE_BUSY": make_sqlite_error("SQLITE_BUSY"),
    "SQLITE_NOTADB": make_sqlite_error("SQLITE_NOTADB", sqlite3.DatabaseError),
    "no cause": utils.OperationalError("a forced fault"),
    "a COMMIT's warning": standbys.Unreplicated("01000"),
}
OUR_FAULTS = {
    **{code: make_postgresql_error(code) for code in FAULTS},
    "NUL": raise_by_django(psycopg.DataError("PostgreSQL text fields cannot contain NUL bytes")),
    "no placeholder": raise_by_django(psycopg.ProgrammingError("the query has 0 placeholders")),
    "SQLITE_CONSTRAINT": make_sqlite_error("SQLITE_CONSTRAINT_UNIQUE", sqlite3.IntegrityError),
    "no error of a database": ZeroDivisionError("₹secret"),
}
EVERY_ERROR = {**OUTAGES, **OUR_FAULTS}
# One of each kind, at each door.
SOME_CODES = [
    "40001",
    "55P03",
    "25006",
    "3D000",
    "57P01",
    "closed before",
    "SQLITE_NOTADB",
    "no cause",
]
SOME_CODES += ["23505", "22001", "NUL", "no error of a database"]


def test_the_words_of_each_class_are_looked_up():
    assert [name for name, error in OUTAGES.items() if not outages.is_outage(error)] == []
    assert [name for name, error in OUR_FAULTS.items() if outages.is_outage(error)] == []


def test_a_whole_class_is_meant_and_of_others_what_is_named():
    listed = {
        code: getattr(error, "sqlstate", code)
        for code, error in psycopg.errors._sqlcodes.items()
        if len(code) == 5
    }
    found = {code for code in listed if outages.is_outage(make_postgresql_error(code))}
    classes = ("08", "28", "3D", "40", "53", "57", "58")
    named = {"25006", "25P03", "25P04", "55P03"} & set(listed)
    assert found == {code for code in listed if code.startswith(classes)} | named


@pytest.fixture
def closed(monkeypatch):
    """How often the thread's connection was given up, as PostgreSQL's is."""
    times = []
    monkeypatch.setattr(outages, "connection", Closing(times))
    return times


class Closing:
    vendor, in_atomic_block = "postgresql", False

    def __init__(self, times):
        self.close = lambda: times.append(1)


@pytest.mark.parametrize("name", EVERY_ERROR)
def test_the_connection_is_a_fresh_one_but_where_others_were_first(name, closed):
    outages.drop_connection_after(EVERY_ERROR[name])
    is_fresh = name in OUTAGES and name not in OTHERS_FIRST
    assert len(closed) == is_fresh


def test_an_open_transaction_keeps_its_connection(closed, monkeypatch):
    monkeypatch.setattr(Closing, "in_atomic_block", True)
    outages.drop_connection_after(OUTAGES["25006"])
    assert closed == []


def test_on_sqlite_the_file_stays_open(closed, monkeypatch):
    monkeypatch.setattr(Closing, "vendor", "sqlite")
    outages.drop_connection_after(OUTAGES["SQLITE_BUSY"])
    assert closed == []


# At the doors: the API, pages, and whatever writes.


def fail_with(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("name", SOME_CODES)
def test_the_api_answers_503_or_999(ent, caplog, monkeypatch, name, closed):
    unique_id = make_customer(ent.processor)
    monkeypatch.setattr("customers.records.find_registration", fail_with(EVERY_ERROR[name]))
    with caplog.at_level(logging.WARNING):
        status, body, response = ent.call("check-customer-kyc", Unique_Id=str(unique_id))
    said = (status, body["Data"]["Resp_Code"], response.get("Retry-After"))
    is_outage = name in OUTAGES
    assert said == ((503, "503", "1") if is_outage else (500, "999", None))
    assert len(closed) == (is_outage and name not in OTHERS_FIRST)
    lines = [record.getMessage() for record in caplog.records]
    code = {"no cause": "OperationalError", "closed before": "InterfaceError"}.get(name, name)
    assert lines == ([f"database unavailable: {code}"] if is_outage else ["fault"])
    assert "secret" not in json.dumps(body)


@pytest.mark.django_db
@pytest.mark.parametrize("name", SOME_CODES)
def test_a_page_answers_503_or_500(caplog, monkeypatch, name, closed):
    monkeypatch.setattr(limits_page, "list_spans", fail_with(EVERY_ERROR[name]))
    client = open_browser("viewer")
    client.raise_request_exception = False
    answer = client.get("/settings/limits")
    is_outage = name in OUTAGES
    assert (answer.status_code, answer.get("Retry-After")) == (
        (503, "1") if is_outage else (500, None)
    )
    assert len(closed) == (is_outage and name not in OTHERS_FIRST)
    told = [line for line in caplog.messages if line.startswith("database unavailable")]
    assert len(told) == is_outage


@pytest.mark.django_db
@pytest.mark.parametrize("name", SOME_CODES)
def test_readyz_says_that_the_database_is_away_and_looks_anew(monkeypatch, name, closed):
    monkeypatch.setattr("ppims.server.health.is_migrated", fail_with(EVERY_ERROR[name]))
    client = Client(raise_request_exception=False)
    answer = client.get("/readyz")
    is_of_a_database = name != "no error of a database"
    assert answer.status_code == (503 if is_of_a_database else 500)
    assert len(closed) == (name in OUTAGES and name not in OTHERS_FIRST)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", SOME_CODES)
def test_what_writes_is_unavailable_or_fails(settings, monkeypatch, name):
    settings.PPIMS_BUSY_SECONDS = -1  # once only
    with pytest.raises(Unavailable if name in OUTAGES else type(EVERY_ERROR[name])):
        run_in_transaction(fail_with(EVERY_ERROR[name]))
    assert not connection.in_atomic_block


class LostByCitus(psycopg.errors.InternalError_):
    """An internal error, as if raised by that function of the server's."""

    def __init__(self, function):
        super().__init__("₹secret")
        self.function = function

    @property
    def diag(self):
        return type("diag", (), {"source_function": self.function})


@pytest.mark.parametrize("function", sorted(outages.LOST_BY_CITUS))
def test_an_internal_error_where_citus_has_lost_a_machine_is_an_outage(function):
    assert outages.is_outage(raise_by_django(LostByCitus(function)))


@pytest.mark.parametrize("function", ["exec_simple_query", None])
def test_any_other_internal_error_is_a_fault(function):
    assert not outages.is_outage(raise_by_django(LostByCitus(function)))

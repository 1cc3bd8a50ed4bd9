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
from ppims.db import outages
from ppims.db.transaction import in_transaction
from tests.factories import make_customer
from tests.web.admin_pages import browser_of

# As PostgreSQL's manual lists them: one, or more, of each class.
OTHERS_FIRST = ["40001", "40P01", "55P03"]
AWAY = [
    *("08000", "08006", "08P01", "28000", "28P01", "3D000", "53100", "53300", "57014", "57P01"),
    *("57P02", "57P03", "57P05", "58030", "25006", "25P03"),
]
FAULTS = [
    *("22001", "22003", "22021", "23505", "23001", "23514", "42P01", "42501", "42601", "P0001"),
    *("25001", "0A000", "26000", "54001", "XX000", "21000"),
]


def raised_by_django(error):
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


def of_postgresql(sqlstate):
    return raised_by_django(psycopg.errors.lookup(sqlstate)("₹secret"))


def of_sqlite(name, kind=sqlite3.OperationalError):
    error = kind("₹secret")
    error.sqlite_errorname = name
    return raised_by_django(error)


WITHOUT_A_WORD = {
    "closed by the server": psycopg.OperationalError("server closed the connection unexpectedly"),
    "no connection": psycopg.errors.ConnectionTimeout("timeout expired"),
    "closed before": psycopg.InterfaceError("the connection is closed"),
}
OUTAGES = {
    **{code: of_postgresql(code) for code in OTHERS_FIRST + AWAY},
    **{name: raised_by_django(error) for name, error in WITHOUT_A_WORD.items()},
    "SQLITE_BUSY": of_sqlite("SQLITE_BUSY"),
    "SQLITE_NOTADB": of_sqlite("SQLITE_NOTADB", sqlite3.DatabaseError),
    "no cause": utils.OperationalError("a forced fault"),
}
OURS = {
    **{code: of_postgresql(code) for code in FAULTS},
    "NUL": raised_by_django(psycopg.DataError("PostgreSQL text fields cannot contain NUL bytes")),
    "no placeholder": raised_by_django(psycopg.ProgrammingError("the query has 0 placeholders")),
    "SQLITE_CONSTRAINT": of_sqlite("SQLITE_CONSTRAINT_UNIQUE", sqlite3.IntegrityError),
    "no error of a database": ZeroDivisionError("₹secret"),
}
EACH = {**OUTAGES, **OURS}
# One of each kind, at each door.
SOME = ["40001", "55P03", "25006", "3D000", "57P01", "closed before", "SQLITE_NOTADB", "no cause"]
SOME += ["23505", "22001", "NUL", "no error of a database"]


def test_the_words_of_each_class_are_looked_up():
    assert [name for name, error in OUTAGES.items() if not outages.is_outage(error)] == []
    assert [name for name, error in OURS.items() if outages.is_outage(error)] == []


def test_a_whole_class_is_meant_and_of_others_what_is_named():
    listed = {
        code: getattr(error, "sqlstate", code)
        for code, error in psycopg.errors._sqlcodes.items()
        if len(code) == 5
    }
    found = {code for code in listed if outages.is_outage(of_postgresql(code))}
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


@pytest.mark.parametrize("name", EACH)
def test_the_connection_is_a_fresh_one_but_where_others_were_first(name, closed):
    outages.drop_connection_after(EACH[name])
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


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("name", SOME)
def test_the_api_answers_503_or_999(ent, caplog, monkeypatch, name, closed):
    unique_id = make_customer(ent.processor)
    monkeypatch.setattr("customers.records.visible", failing(EACH[name]))
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
@pytest.mark.parametrize("name", SOME)
def test_a_page_answers_503_or_500(caplog, monkeypatch, name, closed):
    monkeypatch.setattr(limits_page, "spans_of", failing(EACH[name]))
    client = browser_of("viewer")
    client.raise_request_exception = False
    answer = client.get("/limits")
    is_outage = name in OUTAGES
    assert (answer.status_code, answer.get("Retry-After")) == (
        (503, "1") if is_outage else (500, None)
    )
    assert len(closed) == (is_outage and name not in OTHERS_FIRST)
    told = [line for line in caplog.messages if line.startswith("database unavailable")]
    assert len(told) == is_outage


@pytest.mark.django_db
@pytest.mark.parametrize("name", SOME)
def test_readyz_says_that_the_database_is_away_and_looks_anew(monkeypatch, name, closed):
    monkeypatch.setattr("ppims.server.health.is_migrated", failing(EACH[name]))
    client = Client(raise_request_exception=False)
    answer = client.get("/readyz")
    is_of_a_database = name != "no error of a database"
    assert answer.status_code == (503 if is_of_a_database else 500)
    assert len(closed) == (name in OUTAGES and name not in OTHERS_FIRST)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", SOME)
def test_what_writes_is_unavailable_or_fails(settings, monkeypatch, name):
    settings.PPIMS_BUSY_SECONDS = -1  # once only
    with pytest.raises(Unavailable if name in OUTAGES else type(EACH[name])):
        in_transaction(failing(EACH[name]))
    assert not connection.in_atomic_block

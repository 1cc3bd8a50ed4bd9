"""What becomes of DATABASE_URL."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as real_settings
from django.db import connection

from ppims.db import url as db_url

SQLITE = "sqlite:////var/lib/ppims/ppims.sqlite3"


def read_settings(url, **limits):
    return db_url.make_settings(url, **{"busy_seconds": 5, "statement_seconds": 30, **limits})


def test_a_file_is_sqlite_that_waits_as_long_as_it_is_told():
    made = read_settings(SQLITE, busy_seconds=7)
    assert (made["ENGINE"], made["NAME"]) == (db_url.SQLITE_ENGINE, "/var/lib/ppims/ppims.sqlite3")
    assert (made["OPTIONS"]["timeout"], made["OPTIONS"]["transaction_mode"]) == (7, "IMMEDIATE")
    assert "synchronous=FULL" in made["OPTIONS"]["init_command"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_gets_limits_a_name_and_lasting_connections(scheme):
    made = read_settings(f"{scheme}://me:a%2Fb@db.example.in:5433/ppims", busy_seconds=7)
    assert made["ENGINE"] == db_url.POSTGRESQL_ENGINE
    assert [made[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        *("me", "a/b", "db.example.in", 5433, "ppims")
    ]
    assert made["CONN_MAX_AGE"] is None
    options = made["OPTIONS"]
    assert options["application_name"] == "ppims"
    assert options["connect_timeout"] <= 10
    for limit in (
        "lock_timeout=7s",
        "statement_timeout=30s",
        "idle_in_transaction_session_timeout=30s",
    ):
        assert f"-c {limit}" in options["options"]


def test_what_the_url_says_stands():
    query = "sslmode=require&connect_timeout=9&application_name=mine&options=-c%20lock_timeout%3D1s"
    options = read_settings(f"postgres://me@db/ppims?{query}")["OPTIONS"]
    assert (options["sslmode"], options["connect_timeout"]) == ("require", 9)
    assert options["application_name"] == "mine"
    assert options["options"].endswith(" -c lock_timeout=1s")  # the last one counts


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgres://me@%2Frun%2FPostgres/ppims", "/run/Postgres", ""),
        ("postgres://me:secret@%2Frun%2Fpostgresql:5433/ppims", "/run/postgresql", 5433),
        ("postgres://me@[::1]:5433/ppims", "::1", 5433),
        ("postgres:///ppims", "", ""),
    ],
)
def test_a_server_is_found_by_its_socket_too(url, host, port):
    made = read_settings(url)
    assert (made["HOST"], made["PORT"], made["NAME"]) == (host, port, "ppims")


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("me:secret@One.example.in,two", "One.example.in,two", ","),
        ("me@one:5433,two", "one,two", "5433,"),
        ("one:5433,two:5434", "one,two", "5433,5434"),
        ("me@[::1]:5433,[fe80::1],%2FRun:5434", "::1,fe80::1,/Run", "5433,,5434"),
        ("me@one,[::1]", "one,::1", ","),
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_found(hosts, host, port):
    made = read_settings(f"postgres://{hosts}/ppims?target_session_attrs=read-write")
    assert (made["HOST"], made["PORT"], made["NAME"]) == (host, port, "ppims")
    assert made["OPTIONS"]["target_session_attrs"] == "read-write"
    secret = "secret" if "secret" in hosts else ""
    assert (made["USER"], made["PASSWORD"]) == ("me" if "@" in hosts else "", secret)


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://me:secret@db/ppims", "mysql://me:secret@db,two/ppims", "ppims.sqlite3"),
        *("postgres://me@[/x", "postgres://me:secret@one,/x", "postgres://me@one:x,two/y"),
        "postgres://me@one,::1/y",
    ],
)
def test_another_url_is_refused(url):
    with pytest.raises(ValueError, match=r".") as refused:
        read_settings(url)
    assert "secret" not in str(refused.value)


def run(*command, **environment):
    return subprocess.run(
        [sys.executable, *command],
        cwd=real_settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ppims.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wrong_url_is_told_in_one_line_without_what_it_holds(tmp_path):
    url = "mysql://me:secret@db/ppims"
    done = run("manage.py", "check", DATABASE_URL=url, PPIMS_DATA_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "DATABASE_URL is sqlite:///PATH or postgres://" in done.stderr.splitlines()[-1]
    assert "secret" not in done.stderr


def test_a_command_has_no_limit_of_a_statement_and_what_serves_has(tmp_path):
    show = "from django.conf import settings; print(settings.PPIMS_STATEMENT_SECONDS)"
    environment = {"PPIMS_STATEMENT_SECONDS": "9", "PPIMS_DATA_DIR": str(tmp_path)}
    command = run("manage.py", "shell", "--no-imports", "-c", show, **environment)
    assert command.stdout.split()[-1:] == ["0"], command.stderr
    serving = run("-c", f"import ppims.wsgi; {show}", **environment)
    assert serving.stdout.split() == ["9"], serving.stderr


@pytest.mark.only_on("postgresql", "SQLite has no sessions")
@pytest.mark.django_db
def test_a_session_has_its_limits_and_its_name():
    shown = {}
    with connection.cursor() as cursor:
        for name in ("lock_timeout", "statement_timeout", "application_name"):
            cursor.execute(f"SHOW {name}")
            (shown[name],) = cursor.fetchone()
    assert shown == {
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        "application_name": "ppims",
    }

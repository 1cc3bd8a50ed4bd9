"""`python3 -m ppims test`: on which databases, and what its exit code says."""

from contextlib import nullcontext

import pytest

from tests import __main__ as phases
from tests.postgresql import cluster

SERVER = cluster.Server("postgres://me:secret@%2Frun%2Fpostgresql:5433/")


@pytest.fixture
def ran(monkeypatch):
    """Note what pytest would be run with; each run's exit code is the next of `codes`."""
    runs = []
    codes = iter([])

    def run(name, arguments, **variables):
        runs.append((name, arguments, "serializable" in variables.get("DATABASE_URL", "")))
        return next(codes, 0)

    def come(*given):
        nonlocal codes
        codes = iter(given)
        return runs

    monkeypatch.setattr(phases.signal, "signal", lambda *_: None)
    monkeypatch.setattr(phases, "run_pytest", run)
    monkeypatch.setattr(cluster, "run_cluster", lambda: nullcontext(SERVER))
    monkeypatch.setattr(cluster, "find_programs", lambda: "somewhere")
    monkeypatch.setattr(phases.shutil, "which", lambda _: "/usr/bin/chromium")
    return come


SQLITE = ("SQLite", [], False)
BROWSER = ("SQLite, in chromium", ["tests/browser"], False)
POSTGRESQL = ("PostgreSQL", [], False)
SERIALIZABLE = ("PostgreSQL at SERIALIZABLE", phases.RACES, True)


def test_without_arguments_every_phase_runs(ran):
    assert phases.run_tests([]) == 0
    assert ran() == [SQLITE, BROWSER, POSTGRESQL, SERIALIZABLE]


@pytest.mark.parametrize(
    ("codes", "code", "run"),
    [((3,), 3, 1), ((0, 4), 4, 2), ((0, 0, 2), 2, 3), ((0, 0, 0, 1), 1, 4)],
)
def test_the_first_phase_that_fails_is_the_last_and_gives_its_exit_code(ran, codes, code, run):
    ran(*codes)
    assert phases.run_tests([]) == code
    assert ran() == [SQLITE, BROWSER, POSTGRESQL, SERIALIZABLE][:run]


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["tests/unit", "-k", "foo"], ("SQLite", ["tests/unit", "-k", "foo"], False)),
        (
            ["tests/browser", "-x"],
            ("SQLite, in chromium", ["tests/browser", "-x"], False),
        ),
        (["--postgres", "-x"], ("PostgreSQL", ["-x"], False)),
        (["--serializable", "-x"], ("PostgreSQL at SERIALIZABLE", ["-x"], True)),
    ],
)
def test_arguments_go_to_one_run(ran, arguments, run):
    ran(4)
    assert phases.run_tests(arguments) == 4
    assert ran() == [run]


@pytest.mark.parametrize(
    ("required", "arguments", "code"),
    [("", [], 0), ("postgres", [], 1), ("", ["--postgres"], 1)],
)
def test_where_there_is_no_postgresql_that_is_said_and_fails_where_it_is_asked_for(
    ran, monkeypatch, capsys, required, arguments, code
):
    monkeypatch.setattr(cluster, "find_programs", lambda: None)
    monkeypatch.setenv("PPIMS_TEST_REQUIRE", required)
    assert phases.run_tests(arguments) == code
    assert "NOT run" in capsys.readouterr().out
    assert ran() == ([SQLITE, BROWSER] if not arguments else [])


@pytest.mark.parametrize(
    ("required", "arguments", "code", "run"),
    [
        ("postgres", [], 0, [SQLITE, POSTGRESQL, SERIALIZABLE]),
        ("postgres,browser", [], 1, [SQLITE]),
        ("", ["tests/browser"], 1, []),
    ],
)
def test_where_there_is_no_browser_that_is_said_and_fails_where_it_is_asked_for(
    ran, monkeypatch, capsys, required, arguments, code, run
):
    monkeypatch.setattr(phases.shutil, "which", lambda _: None)
    monkeypatch.setenv("PPIMS_TEST_REQUIRE", required)
    assert phases.run_tests(arguments) == code
    assert "no chromium here, its tests were NOT run" in capsys.readouterr().out
    assert ran() == run


def test_the_servers_url_is_that_of_each_database_user_and_way_to_it():
    assert SERVER.write_url("one") == "postgres://me:secret@%2Frun%2Fpostgresql:5433/one?"
    assert SERVER.write_url("one", user="you", port=6000, query="a=b") == (
        "postgres://you:secret@127.0.0.1:6000/one?a=b"
    )

"""How it is served: which server, and whether writes go in groups."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ppims import __main__ as start
from tests.concurrency.conftest import ROOT, make_variables
from tests.ports import find_free_port

IS_GROUPED = "from django.conf import settings; print(settings.PPIMS_GROUP_COMMIT)"
OUR_SETTINGS = """PPIMS_DEMO_OPEN PPIMS_SERVER PPIMS_GROUP_COMMIT PPIMS_QUEUE_LENGTH
PPIMS_QUEUE_SECONDS""".split()


def test_the_default_server_is_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PPIMS_SERVER", raising=False)
    options = start.make_gunicorn_options(
        start.read_choice("PPIMS_SERVER", start.SERVERS), "[::1]:1", 3, 5
    )
    assert options[-1] == "ppims.asgi:application"
    assert "--threads" not in options
    assert options[options.index("--workers") + 1] == "3"


def test_gthread_has_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPIMS_SERVER", "gthread")
    options = start.make_gunicorn_options(
        start.read_choice("PPIMS_SERVER", start.SERVERS), "[::1]:1", 3, 5
    )
    assert options[-1] == "ppims.wsgi:application"
    assert options[options.index("--threads") + 1] == "5"


def test_another_server_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPIMS_SERVER", "uvicorn")
    with pytest.raises(
        SystemExit, match=r"^ppims: PPIMS_SERVER is 'uvicorn', not asgi or gthread$"
    ):
        start.read_choice("PPIMS_SERVER", start.SERVERS)


def run_with_settings(
    folder: Path, code: str = IS_GROUPED, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=make_variables(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "True"),
        ({"PPIMS_GROUP_COMMIT": "0"}, "False"),
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "True"),
        ({"DATABASE_URL": "sqlite://:memory:"}, "False"),
    ],
)
def test_writes_go_in_groups_unless_told_not_to_or_where_only_one_thread_has_the_database(
    tmp_path: Path, more: dict[str, str], expected: str
) -> None:
    assert run_with_settings(tmp_path, **more).stdout.strip() == expected


@pytest.mark.parametrize(
    "name", ["PPIMS_GROUP_COMMIT", "PPIMS_QUEUE_LENGTH", "PPIMS_QUEUE_SECONDS"]
)
def test_a_wrong_word_is_refused(tmp_path: Path, name: str) -> None:
    done = run_with_settings(tmp_path, **{name: "soon"})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", OUR_SETTINGS)
@pytest.mark.parametrize("file", [".env.example", "docs/operations.md"])
def test_each_variable_is_told_of(name: str, file: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text())


# Who may reach it.


@pytest.mark.parametrize("hosts", ["", " , "])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_production_without_its_host_names_does_not_serve(
    hosts: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPIMS_ENV", "production")
    monkeypatch.setenv("PPIMS_ALLOWED_HOSTS", hosts)
    with pytest.raises(SystemExit, match=r"^ppims: production needs PPIMS_ALLOWED_HOSTS, [^\n]*$"):
        start.require_a_fit_place(host)
    monkeypatch.setenv("PPIMS_ALLOWED_HOSTS", "ppims.example.in")
    start.require_a_fit_place(host)


def test_its_host_names_may_stand_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts").write_text("ppims.example.in\n")
    monkeypatch.setenv("PPIMS_ENV", "production")
    monkeypatch.setenv("PPIMS_ALLOWED_HOSTS_FILE", str(tmp_path / "hosts"))
    start.require_a_fit_place("0.0.0.0")


@pytest.mark.parametrize("program", ["ppims.wsgi", "ppims.asgi"])
def test_nor_does_it_when_another_program_starts_it(tmp_path: Path, program: str) -> None:
    done = run_with_settings(tmp_path, f"import {program}", PPIMS_ENV="production")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith("Production needs PPIMS_ALLOWED_HOSTS.")


def test_a_command_needs_no_host_name(tmp_path: Path) -> None:
    done = run_with_settings(tmp_path, IS_GROUPED, PPIMS_ENV="production")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "[::1]", "localhost"])
def test_a_demo_listens_on_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PPIMS_ENV", raising=False)
    start.require_a_fit_place(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "[2001:db8::1]", "two.example"])
def test_a_demo_listens_elsewhere_only_when_told_so(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [(0, 0, 0, "", ("127.0.0.1", 0)), (0, 0, 0, "", ("192.0.2.7", 0))]
    if host == "two.example":
        monkeypatch.setattr(start.socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.delenv("PPIMS_ENV", raising=False)
    with pytest.raises(SystemExit, match=r"^ppims: [^\n]*PPIMS_DEMO_OPEN=1$"):
        start.require_a_fit_place(host)
    monkeypatch.setenv("PPIMS_DEMO_OPEN", "1")
    start.require_a_fit_place(host)


def test_serving_begins_with_who_may_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PPIMS_ENV", "PPIMS_DEMO_OPEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PPIMS_BIND", f"0.0.0.0:{find_free_port()}")
    monkeypatch.setattr(start, "ensure_installed", lambda _: pytest.fail("it goes on"))
    with pytest.raises(SystemExit, match="PPIMS_DEMO_OPEN"):
        start.serve([])

"""How it is served: which server, and whether writes go in groups."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ppims import __main__ as start
from tests.concurrency.conftest import ROOT, variables

IS_GROUPED = "from django.conf import settings; print(settings.PPIMS_GROUP_COMMIT)"
OURS = """PPIMS_SERVER PPIMS_GROUP_COMMIT PPIMS_QUEUE_LENGTH PPIMS_QUEUE_SECONDS""".split()


def test_the_default_server_is_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PPIMS_SERVER", raising=False)
    options = start.gunicorn_options(start.one_of("PPIMS_SERVER", start.SERVERS), "[::1]:1", 3, 5)
    assert options[-1] == "ppims.asgi:application"
    assert "--threads" not in options
    assert options[options.index("--workers") + 1] == "3"


def test_gthread_has_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPIMS_SERVER", "gthread")
    options = start.gunicorn_options(start.one_of("PPIMS_SERVER", start.SERVERS), "[::1]:1", 3, 5)
    assert options[-1] == "ppims.wsgi:application"
    assert options[options.index("--threads") + 1] == "5"


def test_another_server_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPIMS_SERVER", "uvicorn")
    with pytest.raises(
        SystemExit, match=r"^ppims: PPIMS_SERVER is 'uvicorn', not asgi or gthread$"
    ):
        start.one_of("PPIMS_SERVER", start.SERVERS)


def with_settings(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IS_GROUPED],
        cwd=ROOT,
        env=variables(folder, **more),
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
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "False"),
        (
            {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "PPIMS_GROUP_COMMIT": "1"},
            "False",
        ),
    ],
)
def test_writes_go_in_groups_on_sqlite_unless_told_not_to(
    tmp_path: Path, more: dict[str, str], expected: str
) -> None:
    assert with_settings(tmp_path, **more).stdout.strip() == expected


@pytest.mark.parametrize(
    "name", ["PPIMS_GROUP_COMMIT", "PPIMS_QUEUE_LENGTH", "PPIMS_QUEUE_SECONDS"]
)
def test_a_wrong_word_is_refused(tmp_path: Path, name: str) -> None:
    done = with_settings(tmp_path, **{name: "soon"})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("file", [".env.example", "docs/operations.md"])
def test_each_variable_is_told_of(name: str, file: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text())

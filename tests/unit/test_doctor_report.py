"""What `manage doctor` finds of the settings, and how it reports: exit codes, words, no secret."""

import os
import re
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings as real_settings
from django.db import OperationalError

from ppims.maintenance.doctor import configuration, early, findings
from ppims.maintenance.doctor.findings import Level, approve, refuse, warn
from tests.unit.doctor_folder import find_in, look, make_folder

ROOT = Path(real_settings.BASE_DIR)
CANARY = "canary-of-a-secret"


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


# Settings.


def test_a_variable_that_nothing_reads_is_named(folder):
    good = find_in(folder, PPIMS_HOLD_MINUTES="5", PPIMS_DIGEST_KEYS_FILE="/x", PPIMS_TEST_X="1")
    assert look(configuration.check_names, good) == {"settings.names": Level.GOOD}
    (found,) = configuration.check_names(find_in(folder, PPIMS_HOLD_MINUTE=CANARY))
    assert (found.level, found.text) == (Level.WARNING, "nothing reads PPIMS_HOLD_MINUTE")


def test_a_demo_is_reached_from_its_machine_alone(settings):
    settings.PRODUCTION, settings.PPIMS_THIS_MACHINE_ALONE = False, True
    assert look(configuration.check_reach) == {}
    settings.PPIMS_THIS_MACHINE_ALONE = False
    assert look(configuration.check_reach) == {"settings.demo": Level.WARNING}


@pytest.mark.parametrize(
    ("hosts", "is_behind", "networks", "bad"),
    [
        (["ppims.example.in"], True, ["10.0.0.0/8"], {}),
        ([], True, ["10.0.0.0/8"], {"hosts": Level.WRONG}),
        (["*"], True, ["10.0.0.0/8"], {"hosts": Level.WRONG}),
        (["ppims.example.in"], False, [], {"https": Level.WRONG}),
        (["ppims.example.in"], True, [], {"proxies": Level.WARNING}),
        (["ppims.example.in"], True, ["10.0.0.0/7"], {"proxies": Level.WRONG}),
    ],
)
def test_who_can_reach_a_production_server(settings, hosts, is_behind, networks, bad):
    settings.PRODUCTION, settings.ALLOWED_HOSTS = True, hosts
    settings.PPIMS_BEHIND_TLS_PROXY = is_behind
    settings.PPIMS_TRUSTED_PROXIES = [ip_network(each) for each in networks]
    found = look(configuration.check_reach)
    wanted = {f"settings.{name}": level for name, level in bad.items()}
    assert {name: level for name, level in found.items() if level != Level.GOOD} == wanted


def test_djangos_own_checks_and_the_second_factor(settings):
    settings.PRODUCTION = settings.PPIMS_SECOND_FACTOR = False
    assert look(configuration.check_deployment) == {}
    settings.PRODUCTION = True  # these are a demo's settings: no redirect to HTTPS, and so on
    found = look(configuration.check_deployment)
    assert found == {"settings.second_factor": Level.WARNING, "settings.deploy": Level.WRONG}


def test_a_file_that_a_setting_names_and_is_no_text_is_refused(monkeypatch):
    class Settings:
        @property
        def PRODUCTION(self):
            return CANARY.encode("utf-16").decode("utf-8")

    monkeypatch.setattr(configuration, "settings", Settings())
    found = configuration._read_settings()
    assert (found.level, found.text) == (Level.WRONG, "can't be read: a file that isn't UTF-8")


# The report.


def test_the_exit_code_is_1_for_what_is_wrong_and_strictly_for_a_warning():
    good, worth_a_look, wrong = approve("a", "x"), warn("b", "x", "y"), refuse("c", "x", "y")
    for found, code, strict in (
        ([good], 0, 0),
        ([good, worth_a_look], 0, 1),
        ([wrong, good], 1, 1),
    ):
        assert early.find_exit_code(found, is_strict=False) == code
        assert early.find_exit_code(found, is_strict=True) == strict


def test_a_report_names_what_mends():
    found = [approve("a.b", "is so"), warn("c.d", "is odd", "do this")]
    said = early.write_report(found, as_json=False)
    assert said.splitlines() == [
        "good     a.b                  is so",
        "warning  c.d                  is odd",
        "                              → do this",
        "",
        "1 good, 1 warning, 0 wrong.",
    ]
    assert '"mend": "do this"' in early.write_report(found, as_json=True)
    assert findings.count_levels([]) == "0 good, 0 warnings, 0 wrong"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError(f"no password {CANARY} for you\nDETAIL: a row"), "no password … for you"),
        (ValueError(CANARY), "ValueError"),
        (PermissionError(13, "Permission denied", "/x"), "Permission denied: /x"),
    ],
)
def test_a_check_that_cant_look_is_no_end_and_quotes_no_secret(settings, error, said):
    settings.DATABASES["default"]["PASSWORD"] = CANARY

    def check_something():
        raise error

    try:
        (found,) = early.run_check("check_something", check_something)
    finally:
        settings.DATABASES["default"]["PASSWORD"] = ""
    level = Level.WRONG if isinstance(error, OperationalError) else Level.WARNING
    assert (found.name, found.level) == ("doctor.something", level)
    assert found.text == f"couldn't look: {said}"


@pytest.mark.parametrize(
    ("variables", "name", "said"),
    [
        ({"PPIMS_HOLD_MINUTES": CANARY}, "settings.read", "PPIMS_HOLD_MINUTES is a whole number"),
        ({"DATABASE_URL": f"mysql://x:{CANARY}@h/n"}, "settings.read", "DATABASE_URL is sqlite:"),
        (
            {"DATABASE_URL": f"postgres://x:{CANARY}@127.0.0.1:1/n"},
            "database.there",
            "can't be used: ",
        ),
        (
            {"DATABASE_URL_FILE": "/no/such/file"},
            "settings.read",
            "can't be read: No such file or directory: /no/such/file",
        ),
    ],
)
def test_settings_that_are_refused_and_a_database_that_is_away_end_nothing_else(
    folder, variables, name, said
):
    for key in (folder / "keys").iterdir():
        key.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PPIMS_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env={**inherited, "PPIMS_DATA_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert f"wrong    {name:20} {said}" in done.stdout
    assert "good     disk.free" in done.stdout
    assert CANARY not in done.stdout
    assert "MDEyMzQ1" not in done.stdout


NAME_PATTERN = re.compile(r'"([a-z]+\.[a-z_]+)"')
FAULT_PATTERN = re.compile(r'Fault\("(\w+)"')


def test_the_runbook_names_each_thing_that_doctor_finds_and_no_other():
    rooms = {"settings", "files", "keys", "disk", "machine", "programs", "clock"}
    rooms |= {"database", "rules", "staff", "processors", "upkeep"}
    code = "".join(path.read_text() for path in (ROOT / "ppims/maintenance/doctor").glob("*.py"))
    faults = FAULT_PATTERN.findall((ROOT / "ppims/db/durability.py").read_text())
    found = {name for name in NAME_PATTERN.findall(code) if name.split(".")[0] in rooms}
    table = (ROOT / "docs/runbook.md").read_text().partition("## What doctor looks at")[2]
    named = {name for name in re.findall(r"`(\w+\.\w+)`", table) if name.split(".")[0] in rooms}
    assert named == found | {f"database.{fault}" for fault in faults}

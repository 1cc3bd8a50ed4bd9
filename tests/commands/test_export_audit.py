"""`manage export_audit`: the audit as lines, and what shows that one was changed."""

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ppims.core import clock
from ppims.db import row_proofs
from ppims.maintenance import audit_export
from ppims.models import AuditEntry, FailedAccess
from ppims.services import access, audit
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
LINE_FIELDS = ["id", "at", "subject", "number", "user", "processor", "action", "detail", "digest"]
PROGRAM = re.compile(r"```python\n(import hashlib.*?)```", re.DOTALL)


@pytest.fixture
def asha():
    return make_user("maker")


def log_in(user, **later):
    with clock.freeze(AT + timedelta(**later)):
        access.record_log_in(user=user, source="10.0.0.7")


def export(*arguments, hours=2):
    out = io.StringIO()
    with clock.freeze(AT + timedelta(hours=hours)):
        call_command("export_audit", *arguments, stdout=out)
    return out.getvalue().splitlines()


def list_actions(lines):
    return [json.loads(line)["action"] for line in lines[1:-1]]


def check(lines):
    """Run the program of docs/operations.md over lines: what it says, and how it ends."""
    text = Path(settings.BASE_DIR, "docs", "operations.md").read_text("utf-8")
    (program,) = PROGRAM.findall(text)
    assert len(program.splitlines()) <= 12
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), done.returncode


def test_each_entry_is_a_line_between_what_was_asked_and_how_many_there_are(asha):
    log_in(asha)
    log_in(asha, minutes=1)
    first, *lines, last = map(json.loads, export("--since", "2031-06-17"))
    assert first | {"digest": ""} == {
        "since": "2031-06-17T00:00:00+05:30",
        "until": "2031-06-17T08:30:00+00:00",
        "exported_at": "2031-06-17T08:30:00+00:00",
        "digest": "",
    }
    assert [list(line) for line in lines] == [LINE_FIELDS] * 2
    entry = AuditEntry.objects.get(pk=lines[0]["id"])
    assert lines[0] | {"digest": ""} == {
        "id": entry.pk,
        "at": "2031-06-17T06:30:00+00:00",
        "subject": 0,
        "number": entry.number,
        "user": asha.username,
        "processor": None,
        "action": "logged in",
        "detail": {"source": "10.0.0.7", "outcome": "done"},
        "digest": "",
    }
    assert last["count"] == 2
    assert lines[0]["id"] < lines[1]["id"]


@pytest.mark.parametrize(
    ("frame", "count"),
    [
        (("2031-06-17", None), 2),
        (("2031-06-17T12:00", None), 2),
        (("2031-06-17T12:01", None), 1),
        (("2031-06-17T12:00", "2031-06-17T12:01"), 1),
        (("2031-06-17T12:02", None), 0),
        (("2031-06-18", "2031-06-19"), 0),
    ],
)
def test_it_is_of_a_time_in_india_the_end_of_which_is_left_out(asha, frame, count):
    log_in(asha)
    log_in(asha, minutes=1)
    since, until = frame
    arguments = ["--since", since, *(["--until", until] if until else [])]
    assert len(list_actions(export(*arguments))) == count


@pytest.mark.parametrize(
    "arguments",
    [["--since", "17-06-2031"], [], ["--since", "2031-06-17", "--until", "2031-06-17"]],
)
def test_what_is_no_time_is_refused_and_nothing_is_on_record(arguments):
    with pytest.raises(CommandError):
        export(*arguments)
    assert not AuditEntry.objects.filter(action__contains="export").exists()


def test_the_next_time_has_the_export_itself_with_its_operator_and_its_digest(asha):
    log_in(asha)
    lines = export("--since", "2031-06-17")
    *_, began, ended = map(json.loads, export("--since", "2031-06-17T14:00", hours=3)[:-1])
    assert (began["action"], ended["action"]) == (
        "audit exported at the machine",
        "audit's export ended",
    )
    assert began["detail"]["operator"]
    assert began["detail"]["until"] == "2031-06-17 08:30:00+00:00"
    assert ended["detail"]["count"] == 1
    assert ended["detail"]["digest"] == json.loads(lines[-1])["digest"]


def test_what_was_counted_in_quarters_that_are_over_is_in_it(asha):
    with clock.freeze(AT):
        access.count_failure(user=asha, source="10.0.0.7", kind="PAGE")
    with clock.freeze(AT + timedelta(hours=1, minutes=46)):
        access.count_failure(user=asha, source="10.0.0.7", kind="PAGE")
    with clock.freeze(AT + timedelta(hours=1, minutes=59)):
        access.flush_failures()
    lines = export("--since", "2031-06-17", hours=1.99)
    assert list_actions(lines) == ["pages denied"]
    assert FailedAccess.objects.count() == 1


def test_proofs_of_rows_are_not_in_it():
    with clock.freeze(AT):
        make_customer(make_processor("ENT"))
    assert AuditEntry.objects.filter(detail__contains=row_proofs.PROOFS_KEY).exists()
    lines = export("--since", "2031-06-17")
    assert any(json.loads(line)["processor"] == "ENT" for line in lines[1:-1])
    assert row_proofs.PROOFS_KEY not in "".join(lines)


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_it_is_read_some_rows_at_a_time_and_is_the_same(asha, monkeypatch, rows):
    for minutes in range(4):
        log_in(asha, minutes=minutes)
    whole = export("--since", "2031-06-17")
    monkeypatch.setattr(audit_export, "ROWS_AT_ONCE", rows)
    until = ["--until", "2031-06-17T14:00"]
    assert list_actions(export("--since", "2031-06-17", *until)) == list_actions(whole)


def test_an_export_takes_no_more_statements_for_more_rows(asha, django_assert_max_num_queries):
    for minutes in range(50):
        log_in(asha, minutes=minutes)
    with django_assert_max_num_queries(40):
        assert len(export("--since", "2031-06-17")) == 52


# The digest.


@pytest.fixture
def lines(asha):
    with clock.freeze(AT):
        for n in range(4):
            detail = {"source": "10.0.0.7", "outcome": f"“é” {n}"}
            audit.record("logged in", at=AT, user=asha, detail=detail)
    return export("--since", "2031-06-17")


def test_the_program_in_the_documents_finds_what_is_whole(lines):
    said, code = check(lines)
    assert code == 0
    assert "4" in said
    assert json.loads(lines[-1])["digest"] in said


def change(lines):
    lines[2] = lines[2].replace("10.0.0.7", "10.0.0.8")


def drop(lines):
    del lines[2]


def swap(lines):
    lines[2], lines[3] = lines[3], lines[2]


def cut_off(lines):
    del lines[3:]


def drop_before_the_end(lines):
    del lines[-2]


def repeat(lines):
    lines.insert(2, lines[2])


def change_frame(lines):
    lines[0] = lines[0].replace("2031-06-17T00", "2031-06-16T00")


@pytest.mark.parametrize(
    "tamper", [change, drop, swap, cut_off, drop_before_the_end, repeat, change_frame]
)
def test_it_finds_a_line_that_was_changed_dropped_or_moved(lines, tamper):
    before = list(lines)
    tamper(lines)
    assert lines != before
    assert check(lines)[1] != 0

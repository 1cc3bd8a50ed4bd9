"""A clock that jumps: told from one that drifts, by what it and the time since boot said before."""

import json
import logging
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from limits import known, ledger
from limits.models import LedgerEntry, MonthlyUsage
from limits.services import rules
from ppims.core import clock
from ppims.core.errors import ClockMoved
from ppims.db import clock_guard
from ppims.db.clock_guard import TOLERANCE_NS, Guard
from ppims.models import AuditEntry
from tests.factories import make_customer, make_person, make_posting, make_processor
from tests.web.admin_pages import open_browser

SECOND, DAY = 10**9, 86_400 * 10**9
BOOT, OTHER_BOOT = "a-boot", "another-boot"


class Clocks:
    """Two clocks that say what they are told to, in nanoseconds: from now on, which PostgreSQL's
    own is near to.
    """

    def __init__(self):
        self.boottime_ns, self.clock_ns = 5_000 * SECOND, time.time_ns()

    def pass_by(self, ns, *, drift=0):
        self.boottime_ns += ns
        self.clock_ns += ns + drift


@pytest.fixture
def clocks(monkeypatch):
    said = Clocks()
    monkeypatch.setattr(clock_guard, "read_boottime_ns", lambda: said.boottime_ns)
    monkeypatch.setattr(clock_guard, "read_clock_ns", lambda: said.clock_ns)
    monkeypatch.setattr(clock_guard.time, "time_ns", lambda: said.clock_ns)
    return said


@pytest.fixture
def new_guard(tmp_path, clocks):
    """Start a process, or another one: its guard."""
    return lambda of="machine", boot=BOOT: Guard(tmp_path / "clock.json", of, boot)


def jump_of(guard, clocks):
    return guard.jump_ns(clocks.clock_ns)


@pytest.mark.parametrize("way", [1, -1])
def test_a_minute_is_borne_and_no_nanosecond_more(new_guard, clocks, way):
    guard = new_guard()
    assert jump_of(guard, clocks) == 0
    clocks.clock_ns += way * TOLERANCE_NS
    assert jump_of(guard, clocks) == 0
    clocks.clock_ns += way
    assert jump_of(guard, clocks) == way * (TOLERANCE_NS + 1)
    clocks.clock_ns -= way
    assert jump_of(guard, clocks) == 0  # it is back


def test_a_sleep_is_time_that_passes(new_guard, clocks):
    guard = new_guard()
    jump_of(guard, clocks)
    clocks.pass_by(3 * DAY)
    assert jump_of(guard, clocks) == 0


@pytest.mark.parametrize("way", [1, -1])
def test_weeks_of_drift_add_up_to_nothing(new_guard, clocks, way):
    guard = new_guard()
    for _ in range(24 * 28):
        clocks.pass_by(3600 * SECOND, drift=way * SECOND)  # 24 s a day
        assert jump_of(guard, clocks) == 0
    clocks.clock_ns += way * (TOLERANCE_NS + SECOND)
    assert jump_of(guard, clocks) != 0


def test_small_jumps_one_after_another_add_up(new_guard, clocks):
    guard = new_guard()
    jump_of(guard, clocks)
    for _ in range(2):
        clocks.pass_by(60 * SECOND, drift=40 * SECOND)
    assert jump_of(guard, clocks) > TOLERANCE_NS


def test_a_restart_does_not_make_it_right(new_guard, clocks):
    jump_of(new_guard(), clocks)
    clocks.clock_ns += DAY
    assert jump_of(new_guard(), clocks) == DAY


@pytest.mark.parametrize("other", [{"boot": OTHER_BOOT}, {"of": "database"}, {"boot": None}])
def test_another_boot_or_another_clock_begins_anew(new_guard, clocks, other):
    jump_of(new_guard(), clocks)
    clocks.clock_ns += DAY
    guard = new_guard(**other)
    assert jump_of(guard, clocks) == 0
    clocks.clock_ns += DAY
    assert jump_of(guard, clocks) == DAY


def test_a_pair_that_is_kept_moves_along_so_that_a_restart_has_a_fresh_one(new_guard, clocks):
    guard = new_guard()
    for _ in range(24 * 28):
        clocks.pass_by(3600 * SECOND, drift=SECOND)
        jump_of(guard, clocks)
    assert jump_of(new_guard(), clocks) == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"boottime_ns": "x", "clock_ns": 1}', "\0"])
def test_a_file_that_says_nothing_is_written_anew(new_guard, clocks, text):
    guard = new_guard()
    guard.file.write_text(text)
    assert jump_of(new_guard(), clocks) == 0
    said = json.loads(guard.file.read_text())
    assert (said["boot_id"], said["clock_ns"]) == (BOOT, clocks.clock_ns)
    assert guard.file.stat().st_mode & 0o777 == 0o600


def test_what_one_process_accepts_the_others_accept(new_guard, clocks):
    serving = new_guard()
    jump_of(serving, clocks)
    clocks.clock_ns += DAY
    assert jump_of(serving, clocks) == DAY
    operator = new_guard()
    assert operator.accept() == DAY
    assert jump_of(serving, clocks) == DAY  # not before it is known to all
    operator.publish()
    assert jump_of(serving, clocks) == 0
    assert jump_of(new_guard(), clocks) == 0


def test_no_file_is_read_nor_written_while_all_is_well(new_guard, clocks, monkeypatch):
    guard = new_guard()
    jump_of(guard, clocks)
    monkeypatch.setattr(guard, "file", None)
    for _ in range(1_000):
        clocks.pass_by(SECOND // 2)
        assert jump_of(guard, clocks) == 0


def test_postgresql_is_asked_once_a_second(new_guard, clocks, monkeypatch):
    asked = []
    monkeypatch.setattr(clock_guard, "read_clock_ns", lambda: asked.append(1) or clocks.clock_ns)
    guard = new_guard("database")
    for _ in range(100):
        guard.look()
        clocks.pass_by(SECOND // 10)
    assert len(asked) == 10


# What it means for whoever writes.


@pytest.fixture
def guard(monkeypatch, new_guard, clocks):
    """The process's own guard, of clocks that say what they are told to."""
    of = "database" if connection.vendor == "postgresql" else "machine"
    made = new_guard(of)
    jump_of(made, clocks)
    monkeypatch.setattr(clock_guard, "get_guard", lambda: made)
    return made


def move(clocks, ns):
    clocks.pass_by(SECOND)  # PostgreSQL's is looked at once a second
    clocks.clock_ns += ns


REPORT = {"Amount": "10.00", "Tran_Type": "D", "Tran_Status": "S"}
WRITES = {
    "add-customer": {"Ref_Id": "CLOCK1"},
    "check-customer-limit": {"Ref_Id": "CLOCK2", "Amount": "10.00", "Tran_Type": "D"},
    "update-customer-limit": {"Ref_Id": "CLOCK3", **REPORT},
    "update-customer": {"Ref_Id": "CLOCK4", "Email_Id": "a@example.in"},
}


def send_request(ent, operation, unique_id, fields):
    more = fields if operation == "add-customer" else {"Unique_Id": str(unique_id)}
    status, body, response = ent.call(operation, **{**more, **WRITES[operation]})
    return status, body["Data"]["Resp_Code"], response.get("Retry-After")


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("way", [1, -1])
def test_a_write_is_503_until_the_clock_is_back(ent, guard, clocks, caplog, operation, way):
    unique_id, fields = make_customer(ent.processor), make_person()
    before = LedgerEntry.objects.count(), AuditEntry.objects.count()
    move(clocks, way * (TOLERANCE_NS + 1))
    with caplog.at_level(logging.CRITICAL, logger="ppims.db.clock_guard"):
        for _ in range(3):
            assert send_request(ent, operation, unique_id, fields) == (503, "503", "10")
    assert (LedgerEntry.objects.count(), AuditEntry.objects.count()) == before
    alarms = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(alarms) == 1  # a minute
    known = ent.call("check-customer-kyc", Unique_Id=str(unique_id))
    assert (known[0], known[1]["Data"]["Resp_Code"]) == (200, "000")
    move(clocks, -way * (TOLERANCE_NS + 1))
    assert send_request(ent, operation, unique_id, fields) == (200, "000", None)


@pytest.mark.django_db
def test_an_instant_of_the_database_is_judged_itself(ent, guard, clocks):
    unique_id = make_customer(ent.processor)
    head, _ = ledger.lock(unique_id)
    reading = clock.now().replace(microsecond=0)
    clocks.clock_ns = int(reading.timestamp()) * SECOND
    guard.accept()
    assert ledger._take_instant(head, reading) == reading
    jumped = reading + 2 * known.CLOCK_TOLERANCE
    with pytest.raises(ClockMoved):
        ledger._take_instant(head, jumped)


@pytest.mark.django_db
def test_a_page_says_what_it_is_and_that_nothing_was_recorded(guard, clocks):
    browser = open_browser("maker")
    browser.raise_request_exception = False
    customer = make_customer(make_processor())
    move(clocks, DAY)
    assert browser.get(f"/customers/{customer}").status_code == 200
    answer = browser.post(f"/customers/{customer}/note", {"text": "called"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "clock has jumped" in answer.content.decode()


@pytest.mark.django_db
def test_readyz_tells_of_it_and_a_start_does_not_fail_for_it(guard, clocks):
    move(clocks, DAY)
    answer = Client().get("/readyz")
    whose = "PostgreSQL's" if connection.vendor == "postgresql" else "this machine's"
    assert (answer.status_code, answer.json()["missing"]) == (
        503,
        [f"{whose} clock has jumped ahead by 86,400 s"],
    )
    assert rules.load_first_pack() is False
    move(clocks, -DAY)
    assert Client().get("/readyz").status_code == 200


@pytest.mark.django_db
def test_who_accepts_it_is_audited_and_writes_go_on(ent, guard, clocks):
    unique_id, fields = make_customer(ent.processor), make_person()
    move(clocks, DAY)
    assert send_request(ent, "add-customer", unique_id, fields)[0] == 503
    said = StringIO()
    call_command("accept_clock", stdout=said)
    assert "has jumped ahead by 86,400 s" in said.getvalue()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, json.loads(entry.detail)["seconds"]) == ("clock accepted", 86_400)
    assert json.loads(entry.detail)["operator"]
    assert send_request(ent, "add-customer", unique_id, fields)[0] == 200
    call_command("accept_clock", stdout=said)
    assert "nothing to accept" in said.getvalue()
    assert AuditEntry.objects.filter(action="clock accepted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_usage_is_rebuilt_whatever_the_clock_says(ent, guard, clocks):
    unique_id = make_customer(ent.processor)
    make_posting(ent.processor, unique_id, 500)
    MonthlyUsage.objects.update(debit_paise=1)
    for ns in (DAY, -2 * DAY):
        move(clocks, ns)
        MonthlyUsage.objects.update(debit_paise=1)
        call_command("rebuild_usage", stdout=StringIO())
        assert MonthlyUsage.objects.get().debit_paise == 500


@pytest.mark.django_db
def test_usage_is_rebuilt_of_who_was_booked_ahead_of_the_clock(ent):
    unique_id = make_customer(ent.processor)
    with clock.freeze(clock.now().replace(year=2040)):
        make_posting(ent.processor, unique_id, 500)
    MonthlyUsage.objects.update(debit_paise=1)
    call_command("rebuild_usage", stdout=StringIO())
    assert MonthlyUsage.objects.get().debit_paise == 500


@pytest.mark.django_db
def test_an_offset_that_is_meant_is_no_jump(ent, guard, clocks, settings, tmp_path, monkeypatch):
    file = tmp_path / "offset"
    file.write_text("86400")
    settings.PPIMS_CLOCK_OFFSET_FILE = str(file)
    clock._read_offset.cache_clear()
    before = clock.now()
    make_posting(ent.processor, make_customer(ent.processor), 500)
    assert LedgerEntry.objects.latest("pk").at >= before
    clock._read_offset.cache_clear()

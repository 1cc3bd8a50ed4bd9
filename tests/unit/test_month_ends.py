"""The instant at which a month, a financial year or a hold ends, through the services."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from customers.models import Customer
from limits.models import Hold, LedgerEntry, LimitCheck, LimitRule, MonthlyUsage
from limits.services import checks
from ppims.core import calendar, clock
from ppims.core.errors import Unavailable
from ppims.models import ReplayKey
from tests.factories import make_check, make_customer, make_posting, make_processor

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
FULL_PAISE = 1_000_000
MILLISECOND = timedelta(milliseconds=1)
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")


def make_instant(text):
    return datetime.fromisoformat(f"{text}+05:30").astimezone(UTC)


def find_next_month(year, month):
    return make_instant(f"{year + month // 12}-{month % 12 + 1:02d}-01T00:00:00")


def add_rule(window, amount):
    at = make_instant("2021-09-01T00:00:00")
    return LimitRule.objects.create(
        tier="P",
        direction="D",
        window=window,
        amount=amount,
        state="APPROVED",
        source="a test",
        proposed_at=at,
        decided_at=at,
        in_force_from=at,
    )


@pytest.fixture
def ent():
    return make_processor()


@pytest.fixture
def holder(ent):
    with clock.freeze(make_instant("2023-01-01T00:00:00")):
        return make_customer(ent)


def do_at(instant, do, *args, **more):
    with clock.freeze(instant):
        return do(*args, **more)[0]


@pytest.mark.parametrize("year", range(2024, 2034))
def test_a_limit_used_up_in_a_months_last_millisecond_is_whole_again_in_the_next(ent, holder, year):
    for month in range(1, 13):
        midnight = find_next_month(year, month)
        last, name = midnight - MILLISECOND, year * 100 + month
        asked = do_at(last, make_check, ent, holder, FULL_PAISE)
        assert (asked.is_allowed, asked.month, asked.available_paise) == (True, name, 0)
        entry = do_at(last, make_posting, ent, holder, FULL_PAISE, enquiry=asked.ref_id)
        assert (entry.month, entry.flags, entry.available_paise) == (name, "", 0)
        refused = do_at(last, make_check, ent, holder, 1)
        assert (refused.is_allowed, refused.reason) == (False, "MONTH_LIMIT")
        assert refused.resets_on == midnight.astimezone(calendar.IST).date()
        again = do_at(midnight, make_check, ent, holder, FULL_PAISE)
        assert (again.is_allowed, again.month) == (True, calendar.number_ist_month(midnight))
        assert again.cumulative_paise == FULL_PAISE


def test_february_of_a_leap_year_ends_with_its_29th(ent, holder):
    asked = do_at(make_instant("2028-02-29T23:59:59.999"), make_check, ent, holder, FULL_PAISE)
    assert (asked.is_allowed, asked.month) == (True, 202802)
    assert do_at(
        make_instant("2028-02-28T23:59:59.999") + timedelta(days=1), make_check, ent, holder, 1
    ).month == (202802)
    assert do_at(
        make_instant("2028-03-01T00:00:00"), make_check, ent, holder, FULL_PAISE
    ).is_allowed


@pytest.mark.parametrize("year", range(2024, 2034))
def test_a_financial_year_ends_with_the_last_millisecond_of_31_march(ent, holder, year):
    rule = add_rule("FINANCIAL_YEAR", FULL_PAISE)
    asked = do_at(
        make_instant(f"{year - 1}-12-31T23:59:59.999"), make_check, ent, holder, FULL_PAISE
    )
    do_at(
        make_instant(f"{year - 1}-12-31T23:59:59.999"),
        make_posting,
        ent,
        holder,
        FULL_PAISE,
        enquiry=asked.ref_id,
    )
    refused = do_at(make_instant(f"{year}-03-31T23:59:59.999"), make_check, ent, holder, 1)
    assert (refused.is_allowed, refused.reason) == (False, "FINANCIAL_YEAR_LIMIT")
    assert (refused.rule_id, str(refused.resets_on)) == (rule.pk, f"{year}-04-01")
    allowed = do_at(make_instant(f"{year}-04-01T00:00:00"), make_check, ent, holder, FULL_PAISE)
    assert (allowed.is_allowed, allowed.cumulative_paise) == (True, FULL_PAISE)
    assert str(allowed.resets_on) in {f"{year}-05-01", f"{year + 1}-04-01"}


def test_a_hold_counts_until_its_last_millisecond_and_nothing_has_to_sweep_it(ent, holder):
    asked = do_at(make_instant("2026-11-20T12:00:00.250"), make_check, ent, holder, FULL_PAISE)
    until = asked.hold_until
    assert until == make_instant("2026-11-20T12:15:01")
    person = Customer.objects.get(pk=holder)
    assert not do_at(until - MILLISECOND, make_check, ent, holder, 1).is_allowed
    assert checks.read_figures(person, "D", until - MILLISECOND).available == 0
    assert checks.read_figures(person, "D", until).available == FULL_PAISE
    assert Hold.objects.filter(pk=asked.pk).exists()  # it is the clock alone that ended it
    assert do_at(until, make_check, ent, holder, FULL_PAISE).is_allowed


def test_each_processors_holds_last_as_long_as_it_says(holder):
    slow = make_processor("CBS", hold_minutes=60)
    fields = Customer.objects.values("mobile", "date_of_birth").get(pk=holder)
    with clock.freeze(make_instant("2026-11-01T00:00:00")):
        known = make_customer(
            slow, mobile_number=fields["mobile"], date_of_birth=fields["date_of_birth"]
        )
    assert known == holder
    asked = do_at(make_instant("2026-11-20T12:00:00"), make_check, slow, holder, FULL_PAISE)
    assert asked.hold_until == make_instant("2026-11-20T13:00:00")


def test_what_was_checked_on_31_march_and_answered_on_1_april_is_booked_in_march(ent, holder):
    asked = do_at(make_instant("2026-03-31T23:59:00"), make_check, ent, holder, FULL_PAISE)
    entry = do_at(
        make_instant("2026-04-01T00:05:00"),
        make_posting,
        ent,
        holder,
        FULL_PAISE,
        enquiry=asked.ref_id,
    )
    assert (entry.month, entry.arrival_month, entry.flags) == (202603, 202604, "")
    assert (entry.cumulative_paise, entry.available_paise) == (
        0,
        FULL_PAISE,
    )  # April's, where it arrived
    assert (entry.used_after_paise, entry.held_after_paise) == (
        FULL_PAISE,
        0,
    )  # March's, where booked
    assert list(MonthlyUsage.objects.values_list("month", "debit_paise")) == [(202603, FULL_PAISE)]
    assert do_at(
        make_instant("2026-04-01T00:05:00"), make_check, ent, holder, FULL_PAISE
    ).is_allowed


@pytest.mark.parametrize(("later", "month"), [(timedelta(), 202603), (MILLISECOND, 202604)])
def test_within_thirty_days_it_belongs_to_the_checks_month_and_then_to_its_own(
    ent, holder, later, month
):
    asked = do_at(make_instant("2026-03-31T23:59:00"), make_check, ent, holder, 5_000)
    answered = make_instant("2026-03-31T23:59:00") + timedelta(days=30) + later
    entry = do_at(answered, make_posting, ent, holder, 5_000, enquiry=asked.ref_id)
    assert (entry.month, entry.arrival_month, entry.flags) == (month, 202604, "LATE")


def test_a_declined_check_gives_its_month_to_no_posting(ent, holder):
    asked = do_at(make_instant("2026-03-31T23:59:00"), make_check, ent, holder, FULL_PAISE + 1)
    entry = do_at(
        make_instant("2026-04-01T00:05:00"),
        make_posting,
        ent,
        holder,
        FULL_PAISE + 1,
        enquiry=asked.ref_id,
    )
    assert (entry.month, entry.flag_list) == (202604, ["DECLINED", "OVER_LIMIT"])


def test_a_reversal_in_april_restores_march(ent, holder):
    do_at(make_instant("2026-03-31T23:59:00"), make_posting, ent, holder, FULL_PAISE, tran_id="T1")
    undone = do_at(
        make_instant("2026-04-02T10:00:00"),
        make_posting,
        ent,
        holder,
        400_000,
        kind="R",
        tran_id="T1",
    )
    assert (undone.month, undone.arrival_month) == (202603, 202604)
    assert (undone.cumulative_paise, undone.used_after_paise) == (0, 600_000)


def test_a_clock_set_back_an_hour_refuses_and_keeps_nothing(ent, holder, caplog):
    noon = make_instant("2026-11-20T12:00:00")
    do_at(noon, make_check, ent, holder, 100)
    before = [m.objects.count() for m in (ReplayKey, LimitCheck, Hold, LedgerEntry, MonthlyUsage)]
    for do in (make_check, make_posting):
        for back in (timedelta(hours=1), timedelta(minutes=1, milliseconds=1)):
            with clock.freeze(noon - back), pytest.raises(Unavailable):
                do(ent, holder, 200)
    after = [m.objects.count() for m in (ReplayKey, LimitCheck, Hold, LedgerEntry, MonthlyUsage)]
    assert after == before
    assert [r.levelname for r in caplog.records if "clock" in r.message] == ["CRITICAL"] * 4


def test_the_alarm_tells_how_far_the_clock_is_behind(ent, holder, caplog):
    noon = make_instant("2026-11-20T12:00:00")
    do_at(noon, make_check, ent, holder, 100)
    with clock.freeze(noon - timedelta(days=2, seconds=5)), pytest.raises(Unavailable):
        make_check(ent, holder, 200)
    assert "172805" in caplog.text


@pytest.mark.parametrize("back", [timedelta(seconds=30), timedelta(seconds=60)])
def test_a_clock_a_little_behind_is_served_with_the_last_instant(ent, holder, back):
    noon = make_instant("2026-11-20T12:00:00")
    first = do_at(noon, make_check, ent, holder, 100)
    assert do_at(noon - back, make_check, ent, holder, 100).at == first.at == noon
    assert do_at(noon - back, make_posting, ent, holder, 100, enquiry=first.ref_id).at == noon


DECIDE = """
import os, sys, time, json
from datetime import UTC, datetime, timedelta
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from limits.services import rules
from ppims.core import clock
from tests.factories import make_check, make_customer, make_processor, make_posting
rules.load_first_pack()
ent, said = make_processor(), {}
for zone in sys.argv[1:]:
    os.environ["TZ"] = zone  # Django has set its own
    time.tzset()
    said[zone] = [list(time.tzname)]
    with clock.freeze(datetime(2025, 1, 1, tzinfo=UTC)):
        holder = make_customer(ent)
    for month in range(1, 13):
        midnight = datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        for early in (timedelta(minutes=330, milliseconds=1), timedelta(minutes=330)):
            with clock.freeze(midnight - early):
                asked, _ = make_check(ent, holder, 1_000_000)
                entry, _ = make_posting(ent, holder, 600_000, enquiry=asked.ref_id)
            said[zone].append([asked.is_allowed, asked.reason, asked.month, str(asked.resets_on),
                asked.hold_until and asked.hold_until.astimezone(UTC).isoformat(),
                asked.cumulative_paise, entry.month, entry.flags])
print(json.dumps(said))
"""


def test_the_decisions_are_the_same_in_every_time_zone_of_the_machine(tmp_path):
    own = ("PPIMS_", "DATABASE_URL")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    variables = {
        "TZ": "America/New_York",
        "PPIMS_DATA_DIR": str(tmp_path),
        "DATABASE_URL": "sqlite://:memory:",
        "DJANGO_SETTINGS_MODULE": "ppims.settings",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", DECIDE, *ZONES]
    env = {**inherited, **variables}
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, timeout=90)
    said = json.loads(told.stdout)
    zones = [said[zone].pop(0) for zone in ZONES]
    assert zones == [["UTC", "UTC"], ["IST", "IST"], ["EST", "EDT"]]
    utc, india, new_york = (said[zone] for zone in ZONES)
    assert utc == india == new_york
    assert [row[:4] for row in utc[-2:]] == [
        [False, "MONTH_LIMIT", 202612, "2027-01-01"],
        [True, "WITHIN_LIMITS", 202701, "2027-02-01"],
    ]
    assert utc[-1][4] == "2026-12-31T18:45:00+00:00"

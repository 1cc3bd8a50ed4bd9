"""Made-up data: row for row what the services would have written; the same every time, stopped in
the middle or not; and only where nothing else is.
"""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    Identifier,
    KycChange,
    NameWord,
    Receipt,
    Registration,
)
from customers.services import customers
from limits import bulk
from limits.known import Ask, Report
from limits.models import Hold, LedgerEntry, LedgerHead, LimitCheck, LimitRule, MonthlyUsage
from limits.schemas import CheckLimitIn, UpdateLimitIn
from limits.services import checks, updates
from limits.verify import verify
from ppims.core import calendar, clock, money
from ppims.db import append_only
from ppims.db.streaming import Reader, stream_joined
from ppims.models import AuditEntry, AuditHead, Processor, ReplayKey
from ppims.seed import building, story, writing
from ppims.seed.story import Plan, Story
from tests.conftest import Caller
from tests.factories import make_customer, make_processor

pytestmark = pytest.mark.django_db
PLAN = Plan(customers=30, months=12, seed=39, until="2026-11-20")  # in it all occurs
ROOT = settings.BASE_DIR
TABLES = (
    *(Customer, NameWord, Identifier, Registration, Account, Card, Document, KycChange, Receipt),
    *(LimitCheck, Hold, LedgerEntry, LedgerHead, MonthlyUsage, ReplayKey, AuditEntry, AuditHead),
)
DRAWN_COLUMNS = {"sealed"}  # with a nonce


class ByServices:
    """Tells a story to the services, the clock standing at each instant."""

    def __init__(self, unique_id):
        self.unique_id = unique_id

    def add(self, call, details, *, at):
        with clock.freeze(calendar.from_microseconds(at)):
            customers.add_customer(
                call=call, details=details, draw_unique_id=lambda: self.unique_id
            )

    def raise_kyc(self, call, details, *, at):
        with clock.freeze(calendar.from_microseconds(at)):
            customers.update_customer(call=call, details=details)

    def check(self, call, ask, *, at):
        with clock.freeze(calendar.from_microseconds(at)):
            return checks.check_limit(call=call, ask=ask)[0].is_allowed

    def update(self, call, report, *, at):
        with clock.freeze(calendar.from_microseconds(at)):
            updates.update_limit(call=call, report=report)


def read_rows(model):
    """Give a table's rows in the order of their keys, but for what is drawn anew each time."""
    names = [f.attname for f in model._meta.concrete_fields if f.attname not in DRAWN_COLUMNS]
    keys = getattr(model._meta.pk, "fields", None) or [model._meta.pk]
    order = ", ".join(f't."{key.column}"' for key in keys)
    found = stream_joined([Reader(model, names)], f"ORDER BY {order}", [])
    return [dict(zip(names, row, strict=True)) for row in found]


def read_everything():
    return {model.__name__: read_rows(model) for model in TABLES}


def hand_out_ids_from_one():
    """Make the next id of every table 1: of what is signed, some are ids."""
    append_only.remove("ppims_auditentry")
    AuditEntry.objects.all().delete()
    AuditHead.objects.all().delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in writing.NUMBERED_MODELS:
                sql = "SELECT setval(pg_get_serial_sequence(%s, 'id'), 1, false)"
                cursor.execute(sql, [model._meta.db_table])


def add_rule(tier, direction, window, amount, since):
    at = datetime.fromisoformat(since).replace(tzinfo=UTC)
    LimitRule.objects.create(
        tier=tier,
        direction=direction,
        window=window,
        amount=amount,
        in_force_from=at,
        source="of a test",
        state=LimitRule.State.APPROVED,
        proposed_at=at,
        decided_at=at,
    )


def add_rules_of_every_kind():
    """Put rules of all windows in force, some from the middle of the histories on."""
    for tier in "NPF":
        add_rule(tier, "D", "TRANSACTION", 150_000, "2026-03-01")
        add_rule(tier, "C", "FINANCIAL_YEAR", 300_000, "2025-01-01")
        add_rule(tier, "D", "FINANCIAL_YEAR", 900_000, "2026-06-15")
        add_rule(tier, "C", "BALANCE", 700_000, "2025-01-01")
    add_rule("N", "C", "CREDIT_STOP", 12, "2025-01-01")
    add_rule("P", "D", "MONTH", None, "2026-05-01")


def tell_both_ways(processors):
    """Tell the stories to the services, and write them in bulk: what came of either."""
    people = range(PLAN.customers)
    hand_out_ids_from_one()
    savepoint = connection.savepoint()
    for number in people:
        one = Story(PLAN, number, processors)
        one.tell(ByServices(one.unique_id))
    details = read_everything()
    connection.savepoint_rollback(savepoint)
    builder = building.Builder(PLAN, processors, bulk.Rulebook())
    writing._insert(builder.build(building.Job(people, range(1, 10_000))))
    return details, read_everything()


def test_each_row_is_what_the_services_would_have_written(processors):
    details, written = tell_both_ways(processors)
    for name, of_it in details.items():
        assert of_it, name
        assert written[name] == of_it, name


def test_it_is_so_under_rules_of_every_kind_and_when_they_change(processors):
    add_rules_of_every_kind()
    details, written = tell_both_ways(processors)
    for name, of_it in details.items():
        assert written[name] == of_it, name
    assert {check["reason"] for check in details["LimitCheck"]} >= {
        "WITHIN_LIMITS",
        "TRANSACTION_LIMIT",
        "FINANCIAL_YEAR_LIMIT",
        "BALANCE_LIMIT",
        "KYC_EXPIRED",
    }


def test_all_that_staff_meet_occurs_and_the_ledger_verifies(data_dir, small_batches):
    writing.begin(PLAN)
    list(writing.write(PLAN))
    assert list(verify()) == []
    entries = LedgerEntry.objects.values_list("kind", "flags")
    flags = {flag for _, flags in entries for flag in flags.split(",") if flag}
    assert {kind for kind, _ in entries} == {"S", "F", "R"}
    assert flags == {"LATE", "DECLINED", "UNCHECKED", "AMOUNT_DIFFERS", "OVER_LIMIT"}
    assert Customer.objects.count() == PLAN.customers
    assert set(Customer.objects.values_list("tier", flat=True)) == {"N", "P", "F"}
    assert KycChange.objects.exclude(from_tier="").exists()
    assert Registration.objects.count() > PLAN.customers
    declined = LimitCheck.objects.filter(is_allowed=False).count()
    assert 0 < declined < LimitCheck.objects.count() // 10
    last = LedgerHead.objects.order_by("-last_at").first().last_at
    assert last < calendar.from_microseconds(PLAN.ends_at)


def write_plan(plan, **how):
    """Write a plan: all its rows, but the note of when it was begun; and take it back."""
    savepoint = connection.savepoint()
    hand_out_ids_from_one()
    writing.begin(plan)
    for times in how.pop("stops", []):
        batches = writing.write(plan, **how)
        list(islice(batches, times))
        batches.close()
    list(writing.write(plan, **how))
    found = read_everything()
    connection.savepoint_rollback(savepoint)
    audited = ("AuditEntry", "AuditHead")
    about_nobody = {name: [row for row in found[name] if row["subject"]] for name in audited}
    return found | about_nobody


def test_the_same_plan_gives_the_same_data_stopped_or_not(data_dir, processors, small_batches):
    whole = write_plan(PLAN)
    assert len(whole["Customer"]) == PLAN.customers
    assert write_plan(PLAN, stops=[1, 0, 1]) == whole
    assert write_plan(PLAN, processes=2) == whole
    other = write_plan(replace(PLAN, seed=8))
    assert other["LedgerEntry"] != whole["LedgerEntry"]


def test_ctrl_c_stops_it_after_the_batch_and_it_goes_on(
    data_dir, small_batches, monkeypatch, capsys
):
    write = writing.write

    def interrupt(plan, *, processes):
        for batch in write(plan):
            os.kill(os.getpid(), signal.SIGINT)
            yield batch

    monkeypatch.setattr(writing, "write", interrupt)
    arguments = {"customers": 30, "months": 12, "seed": 39, "until": clock.now().date()}
    call_command("seed", **arguments)
    assert Customer.objects.count() == 10
    assert "10 of 30 customers" in capsys.readouterr().out
    monkeypatch.setattr(writing, "write", partial(write, processes=0))
    call_command("seed", **arguments | {"until": None})
    assert Customer.objects.count() == 30
    assert list(verify()) == []


@pytest.mark.only_on("sqlite", "a killed process leaves a file behind, to be looked into")
def test_begun_in_an_empty_folder_and_killed_it_leaves_whole_batches_and_goes_on(tmp_path):
    environment = {**os.environ, "PPIMS_DATA_DIR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    manage = [sys.executable, str(ROOT / "manage.py")]
    seed = [*manage, "seed", "--customers", "3000", "--months", "1"]
    file = tmp_path / "ppims.sqlite3"
    there = "SELECT count(*) FROM sqlite_master WHERE name = 'customers_customer'"
    count = "SELECT count(*) FROM customers_customer"
    deadline = time.monotonic() + 120
    with subprocess.Popen(seed, env=environment, stdout=subprocess.DEVNULL) as killed:
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with closing(sqlite3.connect(file, timeout=60)) as beside:
            while not (beside.execute(there).fetchone()[0] and beside.execute(count).fetchone()[0]):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            killed.kill()
            killed.wait(60)
            assert beside.execute(count).fetchone()[0] % writing.CUSTOMERS_A_BATCH == 0
    subprocess.run(seed, env=environment, check=True, timeout=300)
    with closing(sqlite3.connect(file)) as beside:
        assert beside.execute(count).fetchone()[0] == 3000
    done = subprocess.run([*manage, "verify_ledger"], env=environment, check=False, timeout=120)
    assert done.returncode == 0


def test_what_others_wrote_meanwhile_is_in_nobodys_way(data_dir, small_batches):
    writing.begin(PLAN)
    batches = writing.write(PLAN)
    next(batches)
    ids = writing.NUMBERED_MODELS
    beyond = bulk.bulk.find_highest_id(*ids) + 10**6
    maker = make_customer(Processor.objects.get(system_id="SEED1"))
    Receipt.objects.filter(customer_id=maker).update(id=beyond)
    with pytest.raises(writing.NotHere, match="start it again"):
        next(batches)
    list(writing.write(PLAN))
    assert Customer.objects.count() == PLAN.customers + 1


@pytest.fixture
def seeded(data_dir, small_batches):
    """Write the plan: how each of its processors calls."""
    writing.begin(PLAN)
    list(writing.write(PLAN))
    file = data_dir / "seed.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return {
        access["system_id"]: access["password"]
        for access in json.loads(file.read_text())["processors"]
    }


def make_callers(passwords, processor_id):
    processor = Processor.objects.get(pk=processor_id)
    caller = Caller(processor, Client())

    def call(operation, **fields):
        status, reply, _ = caller.call(
            operation, _password=passwords[processor.system_id], **fields
        )
        return status, reply

    return call


def test_a_customer_goes_on_through_the_api(seeded):
    head = LedgerHead.objects.filter(entry_count__gt=3).first()
    registration = Registration.objects.filter(customer_id=head.pk).first()
    call = make_callers(seeded, registration.processor_id)
    about = {"Unique_Id": str(head.pk), "Amount": "12.00", "Tran_Type": "D"}
    status, reply = call("check-customer-limit", Ref_Id="ON1", **about)
    assert (status, reply["Data"]["Allow_Customer"]) == (200, "T")
    settles = {"Tran_Status": "S", "Tran_Id": "ON1", "Enquiry_Ref_Id": "ON1"}
    status, reply = call("update-customer-limit", **about, **settles)
    assert (status, reply["Meta"]["Flags"]) == (200, [])
    after = LedgerHead.objects.get(pk=head.pk)
    assert (after.entry_count, after.check_count) == (head.entry_count + 1, head.check_count + 1)
    assert list(verify()) == []


def test_a_repeat_of_what_was_made_up_is_known_as_one(seeded):
    entry = LedgerEntry.objects.filter(kind="S", limit_check__isnull=False).first()
    call = make_callers(seeded, entry.processor_id)
    said = {
        "Ref_Id": entry.ref_id,
        "Unique_Id": str(entry.customer_id),
        "Amount": money.to_rupees(entry.amount_paise),
        "Tran_Status": "S",
        "Tran_Type": entry.direction,
        "Tran_Id": entry.tran_id,
        "Enquiry_Ref_Id": entry.enquiry_ref_id,
        "Avail_Bal": entry.balance_paise and money.to_rupees(entry.balance_paise),
    }
    status, reply = call("update-customer-limit", **said)
    assert (status, reply["Meta"].get("Replayed")) == (200, True)
    status, reply = call("update-customer-limit", **said | {"Amount": "1.23"})
    assert status == 409
    assert [error["Field"] for error in reply["Meta"]["Errors"]] == ["Data.Update_Limit.Amount"]


def test_what_a_story_says_is_what_the_wire_says_of_it():
    names = {"ref_id", "system_id"}
    asked, reported = (
        story.make_ask_content(Ask(1, "D", 1)),
        story.make_report_content(Report(1, "S", "D", 1)),
    )
    assert list(asked) == [name for name in CheckLimitIn.model_fields if name not in names]
    assert list(reported) == [name for name in UpdateLimitIn.model_fields if name not in names]


def test_production_has_no_made_up_data(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("seed", customers=1)


def test_it_goes_beside_the_demos_processors_and_no_others(data_dir):
    make_customer(make_processor("CBS"))
    writing.begin(PLAN)
    with pytest.raises(CommandError, match="begun here otherwise"):
        call_command("seed", customers=31, months=12, seed=39, until=None)


def test_it_does_not_go_among_customers_who_are_not_made_up(data_dir):
    make_customer(make_processor("BANK"))
    with pytest.raises(CommandError, match="not made up"):
        call_command("seed", customers=1)


@pytest.mark.parametrize(
    "arguments",
    [["--customers", "0"], ["--customers", "x"], ["--customers", "1", "--months", "61"]],
)
def test_numbers_out_of_bounds_are_refused(arguments):
    with pytest.raises(CommandError, match="whole number from"):
        call_command("seed", *arguments)


def test_the_future_is_not_made_up():
    tomorrow = (clock.now() + timedelta(days=2)).date().isoformat()
    with pytest.raises(CommandError, match="future"):
        call_command("seed", "--customers", "1", "--until", tomorrow)

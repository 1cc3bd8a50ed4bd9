"""`manage export_customers` and `manage export_ledger`: whole, masked or for a reason not, audited;
and the ledger's file held against keys and seals.
"""

import csv
import hashlib
import io
import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from limits.models import LedgerEntry, LimitCheck
from limits.services import seals
from ppims.core import calendar, clock
from ppims.core.chain import sign_link, sign_row
from ppims.db import signed_rows
from ppims.maintenance import ledger_export
from ppims.models import AuditEntry
from ppims.reports import exported_customers
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.two_people import merge_customers
from tests.web.private_customer import ACCOUNT, NEVER_SHOWN, PRIVATE_WORDS, make_meera

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
REASON = "The regulator asked for it"
UNTIL_EXPORT = timedelta(days=1, hours=1)


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")


@pytest.fixture
def meera(ent, cbs):
    """A check with its posting, and a day later one that is declined, and a posting without one."""
    with clock.freeze(AT):
        customer = make_meera(ent, cbs)
        make_check(ent, customer, 150_050, ref_id="C1", account_number=ACCOUNT)
        make_posting(ent, customer, 150_050, enquiry="C1", tran_id="T1")
    with clock.freeze(AT + timedelta(days=1)):
        make_check(ent, customer, 10_000_001, ref_id="C2")
        make_posting(ent, customer, 700, direction="C", tran_id="=1+1")
    return customer


def run(command, *arguments):
    out, said = io.StringIO(), io.StringIO()
    with clock.freeze(AT + UNTIL_EXPORT):
        call_command(command, *arguments, stdout=out, stderr=said)
    return out.getvalue(), said.getvalue()


def list_rows(command, *arguments):
    return [json.loads(line) for line in run(command, "--json-lines", *arguments)[0].splitlines()]


def read_deeds():
    found = AuditEntry.objects.filter(action__contains="export").order_by("pk")
    return [(entry.action, audit.read_detail(entry)) for entry in found]


@pytest.mark.parametrize("command", ["export_customers", "export_ledger"])
@pytest.mark.parametrize("form", [(), ("--json-lines",)])
def test_nothing_private_is_in_it(meera, command, form):
    text, _ = run(command, *form)
    assert str(meera) in text
    assert [word for word in (*PRIVATE_WORDS, *NEVER_SHOWN) if word in text] == []


def test_all_customers_are_in_it_the_merged_ones_too(meera, ent):
    with clock.freeze(AT + timedelta(days=1)):
        other = make_customer(ent, customer_name="Om Das")
        merge_customers(meera, other)
    rows = {row["unique_id"]: row for row in list_rows("export_customers")}
    assert {key: row["merged_into"] for key, row in rows.items()} == {meera: None, other: meera}
    head, *cells = csv.reader(io.StringIO(run("export_customers")[0].removeprefix("\ufeff")))
    assert head == [str(name) for name in exported_customers.COLUMN_HEADS.values()]
    assert [int(row[0]) for row in cells] == sorted([meera, other])


def test_unmasked_for_a_reason_it_has_whole_numbers_but_of_cards(meera, tmp_path):
    path = tmp_path / "all.jsonl"
    asked = ("--json-lines", "--unmasked", "--reason", REASON, "--to", str(path))
    out, said = run("export_customers", *asked)
    assert out == ""
    (row,) = map(json.loads, path.read_text().splitlines())
    assert (row["mobile"], row["date_of_birth"]) == ("919812345678", "1991-02-14")
    assert row["documents"] == [{"kind": "PAN", "number": "ABCPE1234F"}]
    assert row["address"] == "12 Lake View Road, Adyar, Chennai, Tamil Nadu, 600017"
    assert row["accounts"][0] == {"processor": "ENT", "number": ACCOUNT, "status": "A"}
    assert [word for word in NEVER_SHOWN if word in path.read_text()] == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert said == f"1 customers, SHA-256 {digest}\n"
    (began, why), (ended, came_to) = read_deeds()
    assert began == "customers exported unmasked"
    assert why["reason"] == REASON
    assert ended == "customers' export ended"
    assert (came_to["count"], came_to["digest"]) == (1, digest)


@pytest.mark.parametrize("command", ["export_customers", "export_ledger"])
@pytest.mark.parametrize(
    "asked",
    [
        ["--unmasked", "--to", "{new}"],
        ["--unmasked", "--reason", "  ", "--to", "{new}"],
        ["--unmasked", "--reason", "of card 4111111111111111", "--to", "{new}"],
        ["--unmasked", "--reason", REASON],
        ["--reason", REASON],
        ["--to", "{there}"],
        ["--to", "{new}/no/such/folder"],
    ],
)
def test_what_is_not_asked_for_rightly_leaves_neither_file_nor_audit(
    meera, tmp_path, command, asked
):
    there = tmp_path / "there.csv"
    there.write_text("as it was")
    places = {"new": tmp_path / "new.csv", "there": there}
    with pytest.raises(CommandError):
        run(command, *(each.format(**places) for each in asked))
    assert read_deeds() == []
    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]


def test_a_file_that_does_not_come_whole_is_taken_away(meera, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("ppims.management.commands.export_customers.read_rows", fail)
    with pytest.raises(OSError, match="full"):
        run("export_customers", "--to", str(tmp_path / "new.csv"))
    assert list(tmp_path.iterdir()) == []
    assert [action for action, _ in read_deeds()] == ["customers exported at the machine"]


# The ledger.


def test_the_ledger_is_each_entry_and_then_each_check_by_id(meera):
    rows = list_rows("export_ledger")
    assert [(row["record"], row["number"]) for row in rows] == [
        *(("entry", 1), ("entry", 2)),
        *(("check", 1), ("check", 2)),
    ]
    entry, check = rows[0], rows[2]
    assert (entry["kind"], entry["amount_paise"], entry["processor"]) == ("S", 150_050, "ENT")
    assert (entry["at"], entry["reason"]) == ("2031-06-17T06:30:00.000000+00:00", None)
    assert (check["is_allowed"], check["account_number"]) == (True, "••••6655")
    assert (check["cif_id"], rows[3]["is_allowed"]) == ("••••0042", False)
    csv_rows = csv.DictReader(io.StringIO(run("export_ledger")[0].removeprefix("\ufeff")))
    assert [row["tran_id"] for row in csv_rows] == ["T1", "'=1+1", "", ""]


@pytest.mark.parametrize(
    ("frame", "count"),
    [
        ((), 4),
        (("--since", "2031-06-17T12:00"), 4),
        (("--since", "2031-06-17T12:01"), 2),
        (("--until", "2031-06-17T12:00"), 0),
        (("--until", "2031-06-17T12:01"), 2),
        (("--since", "2031-06-18", "--until", "2031-06-19"), 2),
        (("--since", "2031-06-19", "--until", "2031-06-20"), 0),
    ],
)
def test_it_is_of_a_time_in_india_the_end_of_which_is_left_out(meera, frame, count):
    assert len(list_rows("export_ledger", *frame)) == count


def test_the_time_counts_also_where_ids_are_not_in_its_order(meera, ent):
    with clock.freeze(AT + timedelta(hours=1)):
        make_posting(ent, make_customer(ent), 100, tran_id="T3")
    rows = list_rows("export_ledger", "--since", "2031-06-17", "--until", "2031-06-18T12:00")
    assert [(row["record"], row["tran_id"]) for row in rows] == [
        *(("entry", "T1"), ("entry", "T3")),
        ("check", None),
    ]


def test_a_time_that_is_none_is_refused(meera):
    with pytest.raises(CommandError):
        run("export_ledger", "--since", "2031-06-18", "--until", "2031-06-18")
    assert read_deeds() == []


def test_the_audit_says_of_when_it_is_and_what_it_came_to(meera):
    text, said = run("export_ledger", "--since", "2031-06-18")
    (began, frame), (ended, came_to) = read_deeds()
    assert (began, ended) == ("ledger exported at the machine", "ledger's export ended")
    assert frame["since"] == "2031-06-18 00:00:00+05:30"
    assert frame["until"] == "2031-06-18 07:30:00+00:00"
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert (came_to["count"], came_to["digest"]) == (2, digest)
    assert said == f"2 entries and checks, SHA-256 {digest}\n"


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_at_a_time_are_the_same_as_many(meera, monkeypatch, rows):
    whole = [run(command)[0] for command in ("export_customers", "export_ledger")]
    monkeypatch.setattr(ledger_export, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(exported_customers, "ROWS_AT_ONCE", rows)
    assert [run(command)[0] for command in ("export_customers", "export_ledger")] == whole


def list_signed(row, model):
    """List what a row's signature is of, from what the file says of it."""
    named = {field.attname: field for field in model._meta.concrete_fields}
    for name in signed_rows.list_fields(model):
        is_instant = named[name].get_internal_type() == "DateTimeField"
        at = row[name] and datetime.fromisoformat(row[name]) if is_instant else None
        value = calendar.to_microseconds(at) if at else row[name]
        yield int(value) if isinstance(value, bool) else value


def sign_again(rows, model):
    """Sign the rows of one customer with the key, from an unmasked file alone."""
    key, previous = settings.PPIMS_LEDGER_KEYS[0], b""
    for row in rows:
        values, said = list(list_signed(row, model)), bytes.fromhex(row["ref_id_said"])
        if model is LedgerEntry:
            previous = sign_link(key, "entry", values, previous, said)
            yield previous.hex()
        else:
            yield sign_row(key, "check", values, said).hex()


def test_with_the_key_each_signature_of_an_unmasked_file_comes_out_again(meera, tmp_path):
    path = tmp_path / "ledger.jsonl"
    run("export_ledger", "--json-lines", "--unmasked", "--reason", REASON, "--to", str(path))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for record, model in (("entry", LedgerEntry), ("check", LimitCheck)):
        own = [row for row in rows if row["record"] == record]
        assert list(sign_again(own, model)) == [row["signature"] for row in own]
        own[0]["amount_paise"] += 1
        assert next(sign_again(own, model)) != own[0]["signature"]


def test_without_the_key_a_seal_says_how_many_rows_there_have_to_be(meera, ent):
    with clock.freeze(AT + UNTIL_EXPORT):
        seal = seals.make()
        make_posting(ent, meera, 100, tran_id="T9")
    rows = list_rows("export_ledger", "--until", "2031-06-20")
    for record, last, count in (
        ("entry", seal.last_entry_id, seal.entry_count),
        ("check", seal.last_check_id, seal.check_count),
    ):
        ids = [row["id"] for row in rows if row["record"] == record]
        assert sum(each <= last for each in ids) == count
    assert len(rows) == seal.entry_count + seal.check_count + 1

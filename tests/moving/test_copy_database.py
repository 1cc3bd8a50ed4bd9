"""copy_database: everything arrives, all of it or nothing, and nothing passes that differs."""

import stat

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from limits.models import LedgerEntry, LimitCheck
from limits.verify import verify
from ppims.core.keys import Key
from ppims.db import alias, append_only
from ppims.maintenance import copy as maintenance_copy
from ppims.models import Processor
from ppims.services import key_usage
from tests.factories import make_check, make_customer, make_posting
from tests.moving.conftest import read_everything


def copy_to(url, capsys=None):
    call_command("copy_database", to=url)
    return capsys.readouterr().out if capsys else ""


def hold_database(url):
    with alias.open_database(url) as target:
        return maintenance_copy.list_holding(target)


def test_every_row_arrives_with_its_key(filled, url, capsys):
    before = read_everything("default")
    said = copy_to(url, capsys)
    with alias.open_database(url) as target:
        assert read_everything(target) == before == read_everything("default")
        assert append_only.list_missing(using=connections[target]) == []
        with alias.use_as_own(target):
            assert list(verify()) == []
    rows = sum(len(table) for table in before.values())
    assert f"proved equal: {rows:,} rows of {len(before)} tables" in said
    for next_step in ("stop the server", "DATABASE_URL", "keys", "verify_ledger"):
        assert next_step in said


def test_the_copy_goes_on_where_the_original_was(filled, url):
    newest = {model: model.objects.latest("pk").pk for model in (LedgerEntry, LimitCheck)}
    copy_to(url)
    with alias.open_database(url) as target, alias.use_as_own(target):
        ent = Processor.objects.get(system_id="ENT")
        customer = make_customer(ent)
        answer, _ = make_check(ent, customer, 10_000, ref_id="C2")
        entry, _ = make_posting(ent, customer, 10_000, enquiry="C2")
        # PostgreSQL's numbers have gaps: those of what was put off or refused are not taken again.
        assert answer.pk > newest[LimitCheck]
        assert entry.pk > newest[LedgerEntry]
        assert max(answer.pk - newest[LimitCheck], entry.pk - newest[LedgerEntry]) < 5
        _, is_replay = make_posting(ent, customer, 10_000, ref_id=entry.ref_id, enquiry="C2")
        assert is_replay
        assert list(verify()) == []
        assert LedgerEntry.objects.filter(customer=filled).count() == 3


@pytest.mark.only_on("postgresql", "on SQLite's turn there is no server")
def test_from_sqlite_to_postgresql_and_back_is_the_same(filled, url, tmp_path):
    middle = alias.write_sqlite_url(tmp_path / "middle.sqlite3")
    copy_to(middle)
    with alias.open_database(middle, "middle") as source, alias.use_as_own(source):
        copy_to(url)
    with alias.open_database(url) as target:
        assert read_everything(target) == read_everything("default")


def test_what_proves_a_password_to_this_installation_is_left_behind(filled, url):
    Processor.objects.update(proof=b"a proof")
    copy_to(url)
    with alias.open_database(url) as target, alias.use_as_own(target):
        assert {processor.proof for processor in Processor.objects.all()} == {None}


def test_a_new_sqlite_file_is_for_its_owner_alone(filled, tmp_path):
    file = tmp_path / "new.sqlite3"
    copy_to(alias.write_sqlite_url(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("place", [0, 10, -1])
def test_what_fails_half_way_leaves_nothing(filled, url, monkeypatch, place):
    table = maintenance_copy.list_tables()[place].table
    whole = maintenance_copy._copy_table

    def fail_half_way(reader, *others):
        tally = whole(reader, *others)
        if reader.table == table:
            raise DatabaseError("the disk is full\nDETAIL: a row of someone")
        return tally

    monkeypatch.setattr(maintenance_copy, "_copy_table", fail_half_way)
    with pytest.raises(CommandError, match=r"^Nothing is kept: the disk is full$"):
        copy_to(url)
    assert hold_database(url) == []
    monkeypatch.setattr(maintenance_copy, "_copy_table", whole)
    copy_to(url)
    assert "limits_ledgerentry" in hold_database(url)


CHANGES = {
    "a name": (
        "UPDATE customers_customer SET name = 'Someone Else'",
        r"customers_customer has other rows, the first \d{15} in name",
    ),
    "an amount": (
        "UPDATE limits_ledgerentry SET amount_paise = amount_paise + 1 WHERE number = 2",
        r"limits_ledgerentry has other rows, the first \d+ in amount_paise; entries by month",
    ),
    "a microsecond": (
        "UPDATE ppims_keyinuse SET first_used_at = '2026-01-01 00:00:00.000001'",
        "ppims_keyinuse has other rows",
    ),
    "a chain head": (
        "UPDATE limits_ledgerhead SET entry_count = entry_count - 1",
        r"limits_ledgerhead has other rows, the first \d{15} in entry_count",
    ),
    "usage": (
        "UPDATE limits_monthlyusage SET debit_paise = debit_paise + 1",
        r"limits_monthlyusage has other rows, the first \d{15} \d{6} in debit_paise; usage by",
    ),
    "a row gone": (
        "DELETE FROM customers_customernote",
        "customers_customernote has 0 rows, not 1",
    ),
    "a row more": (
        "INSERT INTO auth_group (id, name) VALUES (99, 'more')",
        "auth_group has 6 rows, not 5",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_noticed_and_named_before_it_counts(filled, url, monkeypatch, change):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal, with bars
    sql, named = CHANGES[change]
    set_sequences = maintenance_copy._set_sequences

    def change_row(using):
        set_sequences(using)
        append_only.remove(*append_only.TABLES, using=connections[using])
        with connections[using].cursor() as cursor:
            cursor.execute(sql)
        append_only.install(*append_only.TABLES, using=connections[using])

    monkeypatch.setattr(maintenance_copy, "_set_sequences", change_row)
    with pytest.raises(CommandError, match=named) as refused:
        copy_to(url)
    assert "Someone Else" not in str(refused.value)
    assert "Meera" not in str(refused.value)
    assert hold_database(url) == []


def test_a_trigger_that_is_gone_is_noticed(filled, url, monkeypatch):
    def remove_trigger(using):
        append_only.remove("limits_seal", using=connections[using])

    monkeypatch.setattr(maintenance_copy, "_set_sequences", remove_trigger)
    with pytest.raises(CommandError, match="the trigger limits_seal_only_grows_"):
        copy_to(url)
    with alias.open_database(url) as target:
        assert append_only.list_missing(using=connections[target]) == []


def test_a_target_with_data_is_refused_and_left_alone(filled, url):
    copy_to(url)
    with alias.open_database(url) as target:
        before = read_everything(target)
    with pytest.raises(CommandError, match="The target holds data: auth_group, "):
        copy_to(url)
    with alias.open_database(url) as target:
        assert read_everything(target) == before


def test_what_fills_the_target_meanwhile_is_noticed(filled, url, monkeypatch):
    copy = maintenance_copy.copy

    def fill_late(source, target, say):
        with connections[target].cursor() as cursor:
            cursor.execute("INSERT INTO auth_group (name) VALUES ('someone')")
        return copy(source, target, say)

    monkeypatch.setattr(maintenance_copy, "copy", fill_late)
    with pytest.raises(CommandError, match=r"holds data: auth_group\. "):
        copy_to(url)
    assert hold_database(url) == ["auth_group"]


def test_without_a_key_it_is_refused_and_the_key_named(filled, url, settings):
    gone = settings.PPIMS_LEDGER_KEYS[0].id
    settings.PPIMS_LEDGER_KEYS = (Key("00000000", b"0" * 32),)
    assert key_usage.list_missing(key_usage.list_keys_in_use()) == [f"ledger {gone}"]
    with pytest.raises(CommandError, match=f"ledger {gone}"):
        copy_to(url)
    assert hold_database(url) == []


@pytest.mark.parametrize(
    "wrong", ["mysql://a:secret@b/c", "postgres", "http://secret", "postgres://a:secret@b:x/c"]
)
def test_what_is_no_url_is_told_without_its_password(filled, wrong):
    with pytest.raises(CommandError, match="--to is postgres://") as refused:
        copy_to(wrong)
    assert "secret" not in str(refused.value)


def test_every_kind_of_column_is_one_that_is_copied():
    kinds = {
        field.get_internal_type()
        for table in maintenance_copy.list_tables()
        for field in table.fields
    }
    assert kinds <= maintenance_copy.FIELD_KINDS

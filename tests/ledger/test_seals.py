"""Seals: what they show that no chain can, their files, and their making beside writers."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from limits.models import LedgerEntry, LedgerHead, LimitCheck, Seal
from limits.services import seals
from limits.verify import verify
from ppims.db import append_only
from ppims.models import AuditEntry, AuditHead
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.ledger.tampering import run

pytestmark = pytest.mark.django_db


def list_findings(**more):
    return [str(finding) for finding in verify(**more)]


def use_twice(ent, customer):
    make_check(ent, customer, 100, ref_id=f"C{customer}")
    make_posting(ent, customer, 100, enquiry=f"C{customer}", tran_id=f"T{customer}")


def test_a_seal_counts_all_and_covers_what_came_since_the_one_before(ent):
    one, other = make_customer(ent), make_customer(ent)
    use_twice(ent, one)
    first = seals.make()
    make_posting(ent, other, 5)
    make_posting(ent, one, 7)
    second = seals.make()
    assert (first.number, first.entry_count, first.check_count) == (1, 1, 1)
    assert (second.number, second.entry_count, second.check_count) == (2, 3, 1)
    assert second.audit_count == AuditEntry.objects.count() - 1  # the audit of its own making
    assert list_findings() == []


def test_a_seal_of_nothing_new_is_one_all_the_same(ent):
    first, second = seals.make(), seals.make()
    assert first.ledger_digest == second.ledger_digest
    assert first.mac != second.mac
    assert list_findings() == []


def roll_back(customer, head, number):
    """Put a customer back to an earlier state, whose head was signed at the time."""
    append_only.remove(*append_only.TABLES)
    run("DELETE FROM limits_hold WHERE customer_id = %s", customer)
    run("DELETE FROM limits_ledgerentry WHERE customer_id = %s AND number > %s", customer, number)
    run("DELETE FROM limits_monthlyusage WHERE customer_id = %s", customer)
    run(
        "DELETE FROM ppims_replaykey WHERE operation = 'UL'"
        " AND row_id NOT IN (SELECT id FROM limits_ledgerentry)"
    )
    head.save()
    append_only.install(*append_only.TABLES)


def test_newest_rows_cut_off_with_a_head_of_that_time_show_by_the_seal_alone(ent):
    customer = make_customer(ent)
    make_posting(ent, customer, 100)
    head = LedgerHead.objects.get(pk=customer)
    make_posting(ent, customer, 200)
    roll_back(customer, head, 1)
    assert list_findings() == []  # nothing else can tell
    make_posting(ent, customer, 200)
    seals.make()
    roll_back(customer, head, 1)
    assert list_findings()[0] == "seal 1: what it covers: entries is 1, expected 2"


def test_a_customer_taken_away_whole_shows_by_the_seal(ent):
    customer, other = make_customer(ent), make_customer(ent)
    make_posting(ent, customer, 100)
    make_posting(ent, other, 100)
    seals.make()
    append_only.remove(*append_only.TABLES)
    run("DELETE FROM limits_ledgerentry WHERE customer_id = %s", customer)
    run("DELETE FROM limits_monthlyusage WHERE customer_id = %s", customer)
    run("DELETE FROM limits_ledgerhead WHERE customer_id = %s", customer)
    run("DELETE FROM ppims_replaykey WHERE operation = 'UL' AND customer_id = %s", customer)
    append_only.install(*append_only.TABLES)
    assert list_findings()[0] == "seal 1: what it covers: entries is 1, expected 2"


def test_an_audit_cut_off_with_a_head_of_that_time_shows_by_the_seal(ent):
    customer = make_customer(ent)
    head = AuditHead.objects.get(pk=customer)
    make_customer(make_processor("CBS"), mobile_number="919812300001")
    seals.make()
    head.entry_count, head.last_mac, head.last_at = 0, b"", None
    append_only.remove(*append_only.TABLES)
    run("DELETE FROM ppims_auditentry WHERE subject = %s", customer)
    run("DELETE FROM ppims_audithead WHERE subject = %s", customer)
    append_only.install(*append_only.TABLES)
    before = AuditEntry.objects.exclude(action="sealed").count()
    covered = f"seal 1: what it covers: audit entries is {before}, expected {before + 1}"
    assert covered in list_findings()


# The file that is kept elsewhere.


def test_a_seals_file_shows_that_the_newest_seals_were_taken_away(ent, tmp_path):
    make_posting(ent, make_customer(ent), 100)
    path = tmp_path / "seal.json"
    call_command("seal", to=path)
    call_command("verify_ledger", seal=path)
    append_only.remove("limits_seal")
    run("DELETE FROM limits_seal")
    append_only.install("limits_seal")
    call_command("verify_ledger")
    with pytest.raises(CommandError, match="not as it should be"):
        call_command("verify_ledger", seal=path)
    exported = seals.read_exported(json.loads(path.read_text()))
    assert list_findings(exported=exported) == ["seal 1: is missing: the file has it"]


def test_a_seals_file_of_another_history_is_told_from_the_one_that_is_kept(ent):
    kept = seals.export_seal(seals.make())
    append_only.remove("limits_seal")
    run("DELETE FROM limits_seal")
    append_only.install("limits_seal")
    make_posting(ent, make_customer(ent), 100)
    seals.make()
    assert "by the file" in list_findings(exported=seals.read_exported(kept))[0]


@pytest.mark.parametrize("name", [*Seal._meta.get_fields(), "previous_mac", "format"], ids=str)
def test_no_field_of_a_seals_file_can_be_changed(ent, name):
    make_posting(ent, make_customer(ent), 100)
    seals.make()
    data = seals.export_seal(seals.make())
    assert seals.read_exported(json.loads(json.dumps(data))).mac
    name = getattr(name, "name", name)
    for wrong in (None, "", "zz", 7, data["mac"][::-1], "00000000"):
        with pytest.raises((ValueError, seals.keys.KeyMissing)):
            seals.read_exported({**data, name: wrong})
    with pytest.raises(ValueError, match="no seal"):
        seals.read_exported({key: value for key, value in data.items() if key != name})


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": "ppims-seal-1"}'])
def test_what_is_no_seal_is_refused_by_name(tmp_path, text):
    path = tmp_path / "seal.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=r"seal\.json"):
        call_command("verify_ledger", seal=path)


def test_a_seal_goes_to_the_data_folder_where_no_file_is_named(ent, settings, tmp_path, capsys):
    settings.PPIMS_DATA_DIR = tmp_path
    call_command("seal")
    path = tmp_path / "seals" / "seal-000001.json"
    assert str(path) in capsys.readouterr().out
    assert seals.read_exported(json.loads(path.read_text())).number == 1


def test_counts_and_cut_are_of_one_instant(ent):
    customer = make_customer(ent)
    use_twice(ent, customer)
    seal = seals.make()
    assert seal.last_entry_id == LedgerEntry.objects.latest("pk").pk
    assert seal.last_check_id == LimitCheck.objects.latest("pk").pk
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM ppims_auditentry")
        assert seal.last_audit_id < cursor.fetchone()[0]

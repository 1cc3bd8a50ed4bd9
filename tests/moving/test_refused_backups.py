"""A backup that is not as it was made is refused, by its file alone."""

import random
import zipfile

import pytest

from ppims.maintenance import archive as maintenance_archive
from ppims.maintenance import copy
from ppims.maintenance.archive import DATABASE_FILE, MANIFEST_FILE, Refused
from tests.moving.backup_files import change_members, forge, open_sqlite, restore


def test_a_byte_that_is_not_as_it_was_is_refused_or_changes_nothing(any_backup, tmp_path):
    content, draw = any_backup.read_bytes(), random.Random(20261125)
    with zipfile.ZipFile(any_backup) as archive:
        database = archive.read(DATABASE_FILE)
    directory = range(content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02")), len(content))
    places = [*draw.sample(range(len(content)), 300), *directory, *range(60)]
    refused = 0
    for number, place in enumerate(places):
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        any_backup.write_bytes(changed)
        copy = tmp_path / f"{number}.sqlite3"
        try:
            with maintenance_archive.open_backup(any_backup) as archive:
                maintenance_archive.unpack(
                    archive, maintenance_archive.read_manifest(archive), copy
                )
        except Refused:
            refused += 1
        else:  # a date, say, that nobody reads
            assert copy.read_bytes() == database
        copy.unlink(missing_ok=True)
    assert refused > 300


def test_a_backup_that_was_cut_off_is_refused(any_backup):
    content, draw = any_backup.read_bytes(), random.Random(20261125)
    for size in [0, 1, 21, 22, len(content) - 1, *draw.sample(range(len(content)), 50)]:
        any_backup.write_bytes(content[:size])
        with pytest.raises(Refused), maintenance_archive.open_backup(any_backup) as archive:
            maintenance_archive.read_manifest(archive)


MANIFESTS = {
    "another size": {"size": 4096},
    "another digest": {"sha256": "0" * 64},
    "fewer keys": {"keys": []},
    "no migrations": {"migrations": []},
    "no seal": {"seal": None},
    "another signature": {"mac": "0" * 64},
}


@pytest.mark.parametrize("change", MANIFESTS)
def test_a_changed_manifest_is_refused(any_backup, change):
    with change_members(any_backup) as held:
        held["manifest"] |= MANIFESTS[change]
    with pytest.raises(Refused, match="was changed: its manifest has a wrong signature"):
        restore(any_backup)


@pytest.mark.parametrize("field", ["format", "ppims", "keys", "key_id", "seal", "size", "mac"])
def test_a_manifest_that_lacks_a_field_is_refused(any_backup, field):
    with change_members(any_backup) as held:
        del held["manifest"][field]
    with pytest.raises(Refused):
        restore(any_backup)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'"ppims-backup-1"', b"[" * 99999])
def test_what_is_no_manifest_is_refused(any_backup, content):
    with zipfile.ZipFile(any_backup, "w") as archive:
        archive.writestr(MANIFEST_FILE, content)
        archive.writestr(DATABASE_FILE, b"")
    with pytest.raises(Refused, match=r"is no backup of PPIMS|no backup of PPIMS:"):
        restore(any_backup)


def test_another_zip_file_is_refused(any_backup, tmp_path):
    with zipfile.ZipFile(any_backup, "a") as archive:
        archive.writestr("../more.txt", "more")
    with pytest.raises(Refused, match="is no backup of PPIMS"):
        restore(any_backup)


def test_another_format_is_refused(any_backup):
    with forge(any_backup) as held:
        held["manifest"]["format"] = "ppims-backup-2"
    with pytest.raises(Refused, match="does not know: not ppims-backup-1"):
        restore(any_backup)


def test_a_newer_programs_backup_is_refused(any_backup):
    with forge(any_backup) as held:
        held["manifest"]["migrations"].append("limits.9999_later")
    with pytest.raises(Refused, match=r"newer program \(PPIMS 0\.1\.0, with limits\.9999_later\)"):
        restore(any_backup)


def test_a_seal_that_the_database_has_not_is_refused(any_backup, elsewhere):
    with forge(any_backup) as held, open_sqlite(held["database"]) as database:
        database.execute("DELETE FROM limits_seal WHERE number = 2")
    with pytest.raises(Refused, match="its ledger is not as it should be: seal 2"):
        restore(any_backup)
    assert copy.list_holding(elsewhere) == []


def test_a_seal_with_a_wrong_signature_is_refused(any_backup):
    with forge(any_backup) as held:
        held["manifest"]["seal"]["entry_count"] += 1
    with pytest.raises(Refused, match="has a wrong signature"):
        restore(any_backup)


TAMPERINGS = {
    "UPDATE limits_ledgerentry SET amount_paise = 1 WHERE number = 1": "its ledger is not as it",
    "UPDATE limits_monthlyusage SET debit_paise = 1": "its ledger is not as it should be",
    "DELETE FROM customers_customer": "foreign_key_check",
}


@pytest.mark.parametrize("sql", TAMPERINGS)
def test_a_database_that_is_not_right_is_refused(any_backup, elsewhere, sql):
    with forge(any_backup) as held, open_sqlite(held["database"]) as database:
        database.execute(sql)
    with pytest.raises(Refused, match=TAMPERINGS[sql]):
        restore(any_backup)
    assert copy.list_holding(elsewhere) == []


def test_a_damaged_page_is_refused(any_backup, elsewhere):
    with forge(any_backup) as held:
        with open_sqlite(held["database"]) as database:
            (root,) = database.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'customers_account'"
            ).fetchone()
        with held["database"].open("r+b") as file:
            file.seek((root - 1) * 4096)
            file.write(b"\xff" * 100)
    with pytest.raises(Refused, match="integrity_check"):
        restore(any_backup)
    assert copy.list_holding(elsewhere) == []

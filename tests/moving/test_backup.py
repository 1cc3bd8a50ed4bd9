"""A backup holds everything but the keys; and what is restored is as it was."""

import json
import stat
import zipfile
from base64 import b64encode

import pytest
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.db import connections

from limits.models import LedgerEntry
from limits.services import seals
from ppims.core.keys import Key
from ppims.db import alias, append_only
from ppims.maintenance import archive as maintenance_archive
from ppims.maintenance import backup as maintenance_backup
from ppims.maintenance import copy
from ppims.maintenance.archive import BACKUP_FORMAT, DATABASE_FILE, MANIFEST_FILE, Refused
from ppims.models import AuditEntry, Processor
from ppims.server import health
from ppims.services import audit
from ppims.services.sessions import SessionStore, find_rows
from tests.moving.backup_files import forge, open_sqlite, restore
from tests.moving.conftest import read_everything


def test_a_backup_holds_every_row_and_says_what_it_is(filled, tmp_path, capsys, settings):
    file = tmp_path / "backup.zip"
    call_command("backup", str(file))
    said = capsys.readouterr().out
    assert f"{file}: seal 2, 5 entries, 2 checks; checked." in said
    assert f"Keep a copy of {settings.PPIMS_DATA_DIR / 'keys'} in another place" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]
    with maintenance_archive.open_backup(file) as archive:
        manifest = maintenance_archive.read_manifest(archive)
        maintenance_archive.unpack(archive, manifest, tmp_path / "copy.sqlite3")
    with alias.open_database(alias.write_sqlite_url(tmp_path / "copy.sqlite3")) as copy:
        held, live = read_everything(copy), read_everything("default")
        assert append_only.list_missing(using=connections[copy]) == []
    assert manifest["counts"] == {name: len(rows) for name, rows in held.items()}
    # That it was made is on record once it is: by one entry more, and its head.
    assert {name for name in live if live[name] != held[name]} == {
        *("ppims_auditentry", "ppims_audithead")
    }
    assert len(live["ppims_auditentry"] - held["ppims_auditentry"]) == 1
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject) == ("backup made", 0)
    assert seals.read_exported(manifest["seal"]).number == audit.read_detail(entry)["seal"]
    assert (manifest["format"], manifest["ppims"]) == (BACKUP_FORMAT, "0.1.0")
    assert manifest["keys"] == [
        f"{purpose} {getattr(settings, f'PPIMS_{purpose.upper()}_KEYS')[0].id}"
        for purpose in ("digest", "document", "ledger")
    ]
    assert seals.read_exported(manifest["seal"]).number == 2
    assert "limits.0002_adjustments_and_seals" in manifest["migrations"]


def test_a_backup_holds_no_key(backup, settings):
    with zipfile.ZipFile(backup) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    rings = ("LEDGER", "DIGEST", "DOCUMENT")
    for key in [key for ring in rings for key in getattr(settings, f"PPIMS_{ring}_KEYS")]:
        for written in (key.secret, b64encode(key.secret), key.secret.hex().encode()):
            assert written not in content
    assert settings.SECRET_KEY.encode() not in content


def make_sessions():
    """Fill pages with sessions that end, and leave some alive that were moved among them."""
    ended = [SessionStore() for _ in range(60)]
    alive = [SessionStore() for _ in range(5)]
    for session in [*ended, *alive]:
        session["searches"] = {"key": "x" * 300}
        session.save()
    for session in ended:
        session.delete()
    AccessAttempt.objects.create(username="0123digest", failures_since_start=5)
    return [session.session_key for session in alive]


def test_neither_a_backup_nor_a_move_holds_sessions_or_lock_outs(filled, tmp_path):
    live = make_sessions()
    call_command("backup", str(tmp_path / "backup.zip"))
    call_command("copy_database", to=alias.write_sqlite_url(tmp_path / "moved.sqlite3"))
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        (tmp_path / "kept.sqlite3").write_bytes(archive.read(DATABASE_FILE))
    for name in ("kept.sqlite3", "moved.sqlite3"):
        content = (tmp_path / name).read_bytes()
        assert not [key for key in [*live, "0123digest"] if key.encode() in content]
        with open_sqlite(tmp_path / name) as database:
            for table in ("ppims_staffsession", "axes_accessattempt"):
                assert database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,)
    assert [find_rows(key).count() for key in live] == [1] * len(live)


def test_no_backup_is_overwritten(backup):
    before = backup.read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(backup))
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    "step", ["_copy", "require_integrity", "_describe_copy", "pack", "sync_folder"]
)
def test_a_backup_that_fails_leaves_no_part_of_it(filled, tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(maintenance_backup, step, fail)
    with pytest.raises(CommandError, match=r"No backup was made: .*No space left"):
        call_command("backup", str(tmp_path / "backup.zip"))
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, "No space left" in audit.read_detail(entry)["reason"]) == (
        *("backup failed", True),
    )
    left = (
        [] if step != "sync_folder" else ["backup.zip"]
    )  # whole by then, if not surely on the disk
    assert [path.name for path in tmp_path.iterdir()] == left


def test_all_of_it_is_restored_into_an_empty_database(backup, elsewhere):
    restore(backup)
    connections["default"].close()
    restored = read_everything(elsewhere)
    with zipfile.ZipFile(backup) as archive:
        counts = json.loads(archive.read(MANIFEST_FILE))["counts"]
    assert {name: len(rows) for name, rows in restored.items()} == counts
    assert append_only.list_missing(using=connections[elsewhere]) == []
    with pytest.raises(Refused, match=r"holds data .*restore into an empty one"):
        restore(backup)
    assert read_everything(elsewhere) == restored


@pytest.mark.parametrize("purpose", ["ledger", "digest", "document"])
def test_without_a_key_nothing_is_restored_and_the_key_is_named(
    backup, elsewhere, settings, purpose
):
    name = f"PPIMS_{purpose.upper()}_KEYS"
    gone = getattr(settings, name)[0].id
    setattr(settings, name, (Key("00000000", b"0" * 32),))
    with pytest.raises(Refused, match=rf"not here: {purpose} {gone}\. Put .*keys, in the place"):
        restore(backup)
    assert copy.list_holding(elsewhere) == []


def test_rows_that_postgresql_would_not_take_are_named_before_anything_is_restored(
    backup, elsewhere
):
    with forge(backup) as held, open_sqlite(held["database"]) as database:
        ((first,),) = database.execute("SELECT MIN(id) FROM ppims_processor")
        name = "UPDATE ppims_processor SET name = 'a' || char(0) WHERE id = ?"
        database.execute(name, [first])
    with pytest.raises(Refused, match="do not fit into PostgreSQL: ") as refused:
        restore(backup)
    assert f"ppims_processor {first}: name holds a NUL character" in str(refused.value)
    assert copy.list_holding(elsewhere) == []


def test_an_older_backup_is_migrated(backup, elsewhere):
    older = ("admin", "0003_logentry_add_action_flag_choices")  # which changes no table
    with forge(backup) as held, open_sqlite(held["database"]) as database:
        database.execute("DELETE FROM django_migrations WHERE app = ? AND name = ?", older)
        held["manifest"]["migrations"].remove(".".join(older))
    restore(backup)
    assert health.is_migrated(elsewhere)
    with alias.use_as_own(elsewhere):
        assert LedgerEntry.objects.count() == 5


PROOF = b"a proof that stays where it is, 32"


def read_proofs(using):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT DISTINCT proof FROM ppims_processor")
        return cursor.fetchall()


def test_what_proves_a_password_to_this_installation_is_in_no_backup(filled, tmp_path):
    Processor.objects.update(proof=PROOF)
    file = tmp_path / "backup.zip"
    call_command("backup", str(file))
    with zipfile.ZipFile(file) as archive:
        assert PROOF not in archive.read(DATABASE_FILE)
    with maintenance_archive.open_backup(file) as archive:
        maintenance_archive.unpack(
            archive, maintenance_archive.read_manifest(archive), tmp_path / "copy.sqlite3"
        )
    with alias.open_database(alias.write_sqlite_url(tmp_path / "copy.sqlite3")) as copy:
        assert read_proofs(copy) == [(None,)]
    assert {bytes(proof) for (proof,) in read_proofs("default")} == {PROOF}


def test_nor_is_it_restored_from_one_that_has_it(backup, elsewhere):
    with forge(backup) as held, open_sqlite(held["database"]) as database:
        database.execute("UPDATE ppims_processor SET proof = ?", (PROOF,))
    restore(backup)
    assert read_proofs(elsewhere) == [(None,)]

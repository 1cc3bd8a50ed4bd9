"""No cookie of a session is readable in the database's file, its -wal, or a backup."""

import zipfile

import pytest
from django.core.management import call_command
from django.db import connection

from ppims.services.sessions import SessionStore

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "its files are read as they are"),
]


def test_no_cookie_stands_in_a_file(file_database, tmp_path):
    session = SessionStore()
    session["searches"] = "CanaryOfASearch"
    session.save()
    session.cycle_key()
    session.save()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    session["seen"] = 1
    session.save()  # in the -wal alone
    contents = [
        file_database.read_bytes(),
        file_database.with_name(f"{file_database.name}-wal").read_bytes(),
    ]
    call_command("backup", str(tmp_path / "backup.zip"))
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        contents += map(archive.read, archive.namelist())
    assert all(contents)
    canaries = (session.session_key.encode(), b"CanaryOfASearch")
    assert not [each for content in contents for each in canaries if each in content]

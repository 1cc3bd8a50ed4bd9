"""What must be readable nowhere (cookies, passwords, second factors, documents, cards, keys): not
in the database's file, its -wal, a backup, the log, or what is exported.
"""

import io
import zipfile
from base64 import b64encode

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from ppims.models import AuditEntry
from ppims.services.sessions import SessionStore
from tests.factories import make_check, make_customer, make_processor
from tests.web.admin_pages import make_user
from tests.web.second_factors import give_password, set_up_factor
from tests.web.users import RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "its files are read as they are"),
]
CARD, DOCUMENT, SOUGHT = "6070800000004321", "ABCPE9876F", "CanaryOfASearch"
GUESS = "a-guess-that-is-nobodys"


def list_rings():
    names = ("LEDGER", "DIGEST", "DOCUMENT", "SESSION")
    return [key for name in names for key in getattr(settings, f"PPIMS_{name}_KEYS")]


def live_through_a_day():
    """Let all that is secret be used once; return it."""
    ent = make_processor("ENT")
    document = {"kyc_flag": "F", "ovid_type": "PAN", "ovid_value": DOCUMENT}
    customer = make_customer(ent, card_number=CARD, card_status="A", **document)
    make_check(ent, customer, 100, card_number=CARD)
    person = make_user_of("maker")
    secret, codes = set_up_factor(person)
    client = give_password(person)
    Client().post("/log-in", {"username": person.username, "password": GUESS})
    Client().post("/log-in", {"username": GUESS, "password": "x"})
    one_time = reset_password(make_user("viewer"))
    plain = [codes[0].replace("-", ""), *(key.secret.hex() for key in list_rings())]
    coded = [b64encode(key.secret).decode() for key in list_rings()]
    cookie = client.session.session_key
    return [
        CARD,
        DOCUMENT,
        RIGHT_PASSWORD,
        GUESS,
        secret,
        codes[0],
        one_time,
        cookie,
        *plain,
        *coded,
    ]


def keep_a_session():
    """Keep a session as rows of the file, and of the -wal alone: its cookie."""
    session = SessionStore()
    session["searches"] = SOUGHT
    session.save()
    session.cycle_key()
    session.save()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    session["seen"] = 1
    session.save()
    return session.session_key


def test_no_secret_stands_in_a_file_a_log_or_an_export(file_database, tmp_path, caplog, capfd):
    canaries = [*live_through_a_day(), keep_a_session(), SOUGHT]
    contents = [
        file_database.read_bytes(),
        file_database.with_name(f"{file_database.name}-wal").read_bytes(),
    ]
    call_command("backup", str(tmp_path / "backup.zip"))
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        contents += map(archive.read, archive.namelist())
    export = io.StringIO()
    call_command("export_audit", "--since", "2020-01-01", stdout=export)
    contents += [export.getvalue().encode(), caplog.text.encode(), capfd.readouterr().err.encode()]
    assert AuditEntry.objects.filter(action="second factor set up").exists()
    assert "second factor set up" in export.getvalue()
    found = {each for content in contents for each in canaries if each.encode() in content}
    assert found == set()

"""An installation that has kept refused calls goes on with them, and with who may look at them."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from ppims.db import alias
from ppims.models import KeptCall
from tests.moving.older_databases import make_older

pytestmark = pytest.mark.only_on("sqlite", "it is the same migration")
BEFORE = ("ppims", "0011_processor_changes"), ("auth", "0012_alter_user_first_name_max_length")


def test_refused_calls_are_kept_and_so_are_rights(tmp_path, transactional_db, django_db_blocker):
    url = alias.write_sqlite_url(tmp_path / "older.sqlite3")
    with django_db_blocker.unblock(), alias.open_database(url) as older:
        models = make_older(older, *BEFORE)
        processor = (
            models.get_model("ppims", "Processor")
            .objects.using(older)
            .create(system_id="ENT", name="ENT", username="PPIM_ENT")
        )
        models.get_model("ppims", "RefusedCall").objects.using(older).create(
            at="2026-11-01T00:00:00Z", processor=processor, operation="x", ref_id="R-1", code="409"
        )
        kind = (
            models.get_model("contenttypes", "ContentType")
            .objects.using(older)
            .create(app_label="ppims", model="refusedcall")
        )
        right = (
            models.get_model("auth", "Permission")
            .objects.using(older)
            .create(content_type=kind, codename="view_refusedcall", name="Can view refused call")
        )
        group = models.get_model("auth", "Group").objects.using(older).create(name="own")
        group.permissions.add(right)

        call_command("migrate", "ppims", database=older, verbosity=0)
        (call,) = KeptCall.objects.using(older)
        assert (call.ref_id, call.code, call.processor_id) == ("R-1", "409", processor.pk)
        assert (call.is_refused, bytes(call.sealed), call.request_id) == (True, b"", "")
        (kept,) = Group.objects.using(older).get().permissions.all()
        assert (kept.codename, kept.name) == ("view_keptcall", "Can view kept call")
        assert kept.content_type.model == "keptcall"
        seen = Permission.objects.using(older).filter(codename__contains="call")
        assert seen.count() == 4

"""Back up a running installation into one file."""

from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from ppims.core.errors import Unavailable
from ppims.core.formats import name_count
from ppims.maintenance import backup
from ppims.maintenance.archive import Refused
from ppims.maintenance.copy import Unequal
from ppims.services import backups

NOT_RECORDED = (Unavailable, DatabaseError, InterfaceError)
DONE_MESSAGE = """
{file}: seal {seal}, {entries}, {checks}; checked.
It holds personal data, and no key. Keep a copy of {keys} in another place: without it the backup
tells nothing, and can't be restored."""


class Command(BaseCommand):
    help = (
        "Seal, and back up the database of a running server into one new file. The keys are not in"
        " it: keep var/keys apart."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="such as backups/2026-11-25.zip")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"]
        try:
            manifest = backup.make(file, self.stdout.write)
        except (Refused, Unequal, OSError, DatabaseError) as error:
            with suppress(*NOT_RECORDED):  # where the database takes no writes
                backups.record_failed(error)
            raise CommandError(f"No backup was made: {error}") from error
        counts, seal = manifest["counts"], manifest["seal"]["number"]
        with suppress(*NOT_RECORDED):
            backups.record_made(seal=seal)
        entries = name_count(counts["limits_ledgerentry"], "entry", "entries")
        checks = name_count(counts["limits_limitcheck"], "check")
        keys = settings.PPIMS_DATA_DIR / "keys"
        self.stdout.write(
            DONE_MESSAGE.format(file=file, seal=seal, entries=entries, checks=checks, keys=keys)
        )

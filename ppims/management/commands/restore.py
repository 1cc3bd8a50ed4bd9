"""Restore a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from ppims.maintenance import restore
from ppims.maintenance.archive import Refused
from ppims.maintenance.copy import NotEmpty, Unequal

REFUSAL_ERRORS = (Refused, NotEmpty, Unequal, OSError, DatabaseError, CommandError)


class Command(BaseCommand):
    help = (
        "Restore a backup, with the server stopped. Nothing is changed unless every check of it"
        " passes. The keys it was written with must be in place."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="put it in the place of a SQLite database that holds data; that one is kept",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"]
        try:
            kept = restore.restore(file, replace=options["replace"], say=self.stdout.write)
        except REFUSAL_ERRORS as error:
            take_back_new_keys()
            raise CommandError(
                f"Nothing is restored, nothing is changed. {file}: {error}"
            ) from error
        if kept:
            self.stdout.write(f"What was here before is kept: {kept}")
        self.stdout.write("Restored and verified. Start the server.")


def take_back_new_keys() -> None:
    """Remove the keys that this very process has made: the right ones belong in their place."""
    for path in settings.PPIMS_NEW_KEY_FILES:
        path.unlink(missing_ok=True)

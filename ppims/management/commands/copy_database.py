"""Move the installation to another database: from SQLite to PostgreSQL, or back."""

from argparse import ArgumentParser
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from ppims.db import alias
from ppims.db.column_limits import has_column_limits
from ppims.maintenance import copy
from ppims.server import health
from ppims.services import key_usage

DONE_MESSAGE = """
Copied, and proved equal: {rows:,} rows of {tables} tables.
Next: stop the server, if it still runs; what it writes from now on goes to the old database alone.
Set DATABASE_URL to the new one, keep {keys}, run
    python3 -m ppims manage verify_ledger
and start the server."""


class Command(BaseCommand):
    help = (
        "Copy everything into an empty database, all of it or nothing, and prove the two equal."
        " Meanwhile a running server reads on and answers 503 to what would write."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to",
            required=True,
            metavar="URL",
            help="postgres://USER@HOST/NAME; the password may come from PGPASSWORD or ~/.pgpass",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if not health.is_migrated():
                raise CommandError("This database is not migrated: run migrate first.")
            if missing := key_usage.list_missing(key_usage.list_keys_in_use()):
                raise CommandError(
                    f"Keys that this was written with are gone: {', '.join(missing)}."
                )
            copied = self._copy(options["to"])
        except copy.NotEmpty as error:
            raise CommandError(f"The target holds data: {error}. Copy into an empty one.") from None
        except copy.Unfit as error:
            raise CommandError(f"Nothing is written, for rows do not fit: {error}.") from None
        except copy.Unequal as error:
            raise CommandError(
                f"Nothing is kept, for it differs: {'; '.join(error.args)}."
            ) from None
        except DatabaseError as error:
            # The first line alone: the others may quote a row, and rows are personal data.
            said = (str(error).splitlines() or ["the database failed"])[0]
            raise CommandError(f"Nothing is kept: {said}") from error
        rows, keys = sum(copied.values()), settings.PPIMS_DATA_DIR / "keys"
        self.stdout.write(DONE_MESSAGE.format(rows=rows, tables=len(copied), keys=keys))

    def _copy(self, url: str) -> dict[str, int]:
        with ExitStack() as stack:
            try:
                target = stack.enter_context(alias.open_database(url))
            except ValueError:
                message = "--to is postgres://USER:PASSWORD@HOST/NAME or sqlite:////PATH"
                raise CommandError(message) from None
            if held := copy.list_holding(target):
                raise copy.NotEmpty(copy.list_briefly(held))
            if has_column_limits(target):
                self.stdout.write("looking whether every row fits")
                copy.require_fit(DEFAULT_DB_ALIAS)
            call_command("migrate", database=target, verbosity=0)
            stack.enter_context(copy.hold_still(DEFAULT_DB_ALIAS))
            return copy.copy(DEFAULT_DB_ALIAS, target, self.stdout.write)

"""Write the entries and checks of the ledger as a file."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.core import clock
from ppims.maintenance.ledger_export import COLUMN_HEADS, read_batches
from ppims.management import exports
from ppims.management.commands.export_audit import read_time
from ppims.services import operators


class Command(BaseCommand):
    help = (
        "Write the entries of the ledger and then its checks, in the order of their ids, with what"
        " signs them, for spreadsheets (CSV) or as lines of JSON. Times of the options are India's."
        " The export is audited before the first row, and at its end with the file's SHA-256."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = "YYYY-MM-DD or YYYY-MM-DDTHH:MM"
        help_since = f"{form}; without it: from the beginning"
        parser.add_argument("--since", type=read_time, help=help_since)
        parser.add_argument("--until", type=read_time, help=f"{form}; without it: until now")
        exports.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"] or clock.now()
        if since is not None and since >= until:
            raise CommandError("--since is not before --until.")
        reason = exports.read_reason(options)
        with exports.open_output(options, self.stdout) as output:
            operators.record_ledger_export(since=since, until=until, reason=reason)
            output.write(COLUMN_HEADS, read_batches(since, until, is_unmasked=bool(reason)))
        operators.record_end_of_ledger_export(count=output.count, digest=output.digest)
        self.stderr.write(f"{output.count} entries and checks, SHA-256 {output.digest}")

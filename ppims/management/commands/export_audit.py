"""Write the audit as lines of JSON on standard output."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.core import clock
from ppims.core.calendar import IST
from ppims.maintenance.audit_export import Export
from ppims.services import access, operators

TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M")


class Command(BaseCommand):
    help = (
        "Write the entries of the audit as lines of JSON, in the order of their ids, each with a"
        " digest of all before it. Times are India's. The export is audited itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = "YYYY-MM-DD or YYYY-MM-DDTHH:MM"
        parser.add_argument("--since", type=read_time, required=True, help=form)
        parser.add_argument("--until", type=read_time, help=f"{form}; without it: until now")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since >= (until or clock.now()):
            raise CommandError("--since is not before --until.")
        access.flush_failures()  # before the instant that the export ends at
        at = clock.now()
        until = until or at
        operators.record_audit_export(since=since, until=until)
        export = Export(since=since, until=until, at=at)
        for line in export.write_lines():
            self.stdout.write(line)
        operators.record_end_of_audit_export(count=export.count, digest=export.digest)


def read_time(text: str) -> datetime:
    """Read a day or a minute in India. Raises ArgumentTypeError."""
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=IST)
        except ValueError:
            continue
    raise ArgumentTypeError("is not YYYY-MM-DD or YYYY-MM-DDTHH:MM")

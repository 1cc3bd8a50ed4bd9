"""Write all customers as a file."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.core.keys import KeyMissing
from ppims.management import exports
from ppims.reports.exported_customers import COLUMN_HEADS, list_every_customer, read_rows
from ppims.services import operators


class Command(BaseCommand):
    help = (
        "Write all customers, masked as pages are, for spreadsheets (CSV) or as lines of JSON. The"
        " export is audited before the first row, and at its end with the file's SHA-256."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        exports.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        reason = exports.read_reason(options)
        try:
            with exports.open_output(options, self.stdout) as output:
                operators.record_customer_export(reason=reason)
                pages = (read_rows(ids, is_unmasked=bool(reason)) for ids in list_every_customer())
                output.write(COLUMN_HEADS, pages)
            operators.record_end_of_customer_export(count=output.count, digest=output.digest)
        except KeyMissing as missing:
            raise CommandError(f"A document key is missing: {missing}.") from missing
        self.stderr.write(f"{output.count} customers, SHA-256 {output.digest}")

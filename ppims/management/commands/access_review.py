"""Say who may what, since when and by whose word."""

from argparse import ArgumentParser
from dataclasses import astuple
from typing import Any

from django.core.management.base import BaseCommand

from ppims.backoffice.access_review import ACCESS_COLUMNS, list_access, write_table
from ppims.backoffice.csv_files import write_parts


class Command(BaseCommand):
    help = (
        "List every person of the staff and every processor: what they may do, since when, who"
        " proposed and approved it, and when they were last there; then what each role may. It"
        " changes nothing, and names no customer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--csv", action="store_true", help="as a file for a spreadsheet")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list_access()
        lines = (
            write_parts(ACCESS_COLUMNS, [map(astuple, rows)])
            if options["csv"]
            else write_table(rows)
        )
        for line in lines:
            self.stdout.write(line, ending="" if options["csv"] else "\n")

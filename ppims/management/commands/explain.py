"""Explain why a check was answered, or an entry booked, as it was."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.explain.finding import FoundRow, find_rows
from ppims.backoffice.explanation import Sheet, explain_in_words, write_text
from ppims.models import Processor

MOST_ROWS = 10
NOTHING_FOUND = (
    "Nothing has this Ref_Id or Tran_Id. A release is found by its Ref_Id alone; a refused call is"
    " kept under Calls; what a page shows as /transactions/entry/12 is found as entry/12."
)
RULE_LINE = "~" * 40


class Command(BaseCommand):
    help = (
        "Explain a check or an entry: the decision with its rules, windows and figures, the entries"
        " these rest on, worked out anew and compared with what was recorded. It changes nothing."
        " Exit code 1 where nothing is found, or anything is not as recorded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="a Ref_Id; else a Tran_Id, MERGE-1, check/12 or entry/12")
        parser.add_argument("--processor", default="", help="whose Ref_Id it is, e.g. ENT")

    def handle(self, *args: Any, **options: Any) -> None:
        system_id = options["processor"]
        if system_id and not Processor.objects.filter(system_id=system_id).exists():
            raise CommandError(f"There is no processor {system_id}.")
        found = find_rows(options["name"], system_id)
        if not found:
            raise CommandError(NOTHING_FOUND)
        wrong = 0
        for place, row in enumerate(found[:MOST_ROWS]):
            if place:
                self.stdout.write(f"\n{RULE_LINE}\n")
            sheet = _explain(row)
            wrong += not sheet.is_as_recorded
            for line in write_text(sheet):
                self.stdout.write(line)
        self._say_how_many(len(found), is_of_one=bool(system_id))
        if wrong:
            raise CommandError(f"{wrong} of {min(len(found), MOST_ROWS)}: not as recorded.")

    def _say_how_many(self, count: int, *, is_of_one: bool) -> None:
        if count <= 1:
            return
        said = f"This fits {count} records."
        if count > MOST_ROWS:
            said = f"This fits more; {MOST_ROWS} were explained. Name one as entry/12 or check/12."
        self.stdout.write(f"\n{RULE_LINE}\n\n{said}")
        if not is_of_one:
            self.stdout.write("Add --processor ENT for those of one processor alone.")


def _explain(row: FoundRow) -> Sheet:
    sheet = explain_in_words(is_check=row.is_check, customer_id=row.customer_id, row_id=row.row_id)
    if sheet is None:
        raise CommandError("Its Ref_Id is there, and what it led to is not: run verify_ledger.")
    return sheet

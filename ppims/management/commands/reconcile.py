"""Hold a processor's file of what it has booked against our books."""

import hashlib
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import Reconciliation, ReconciliationDifference
from limits.reconcile.judging import MATCHED_KIND
from limits.reconcile.reading import write_template
from limits.services import reconciliations
from limits.services.reconciliations import FileBrought
from ppims.core.commands import tell_refusals
from ppims.core.days import read_day
from ppims.core.formats import inr, write_count
from ppims.core.progress import show_bar
from ppims.maintenance.reconciling import compare_with_books
from ppims.models import Processor, User
from ppims.services.operators import name_operator

KINDS = {MATCHED_KIND: "Matched", **dict(ReconciliationDifference.Kind.choices)}
DAY_HELP = "DD-MM-YYYY, in India"


class Command(BaseCommand):
    help = (
        "Compare a processor's CSV file of what it has booked with the ledger. The outcome is kept,"
        " and differences are settled in the browser, under Overview, Reconcile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="CSV in UTF-8")
        parser.add_argument("--template", action="store_true", help="write an example, and end")
        parser.add_argument("--processor", metavar="SYSTEM_ID")
        parser.add_argument("--since", metavar="DAY", help=DAY_HELP)
        parser.add_argument("--until", metavar="DAY", help=f"the last one, {DAY_HELP}")
        parser.add_argument("--user", metavar="NAME", help="the maker who brings it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["template"]:
            self.stdout.write(write_template(), ending="")
            return
        if missing := [
            name for name in ("file", "processor", "since", "until", "user") if not options[name]
        ]:
            raise CommandError(f"Also needed: {', '.join(missing)}.")
        try:
            with tell_refusals():
                run = compare_file(options)
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        if run.state == Reconciliation.State.REFUSED:
            raise CommandError(f"Nothing was compared: {run.fault}.")
        for line in write_lines(run):
            self.stdout.write(line)


def compare_file(options: dict[str, Any]) -> Reconciliation:
    """Compare the file that is named. Raises CommandError, Refusal, OSError."""
    path: Path = options["file"]
    processor = Processor.objects.filter(system_id=options["processor"]).first()
    if processor is None:
        raise CommandError("--processor is the System_Id of none.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        run = reconciliations.begin(
            processor=processor,
            since=_read_day(options["since"]),
            until=_read_day(options["until"]),
            file=FileBrought(path.name, digest, path.stat().st_size),
            user=_find_maker(options["user"]),
            operator=name_operator(),
        )
        file.seek(0)
        with show_bar("Comparing", total=run.size_bytes) as advance:
            done = 0

            def tell(_: int) -> None:
                nonlocal done
                advance(file.tell() - done)
                done = file.tell()

            return compare_with_books(run, file, tell)


def write_lines(run: Reconciliation) -> Iterator[str]:
    """Write what was found, a class a line."""
    rows, refused = write_count(run.row_count), write_count(run.refused_count)
    to_settle = write_count(run.difference_count)
    yield f"Run {run.pk}: {rows} rows, of them refused: {refused}; to settle: {to_settle}"
    for kind, by_way in reconciliations.read_sums(run).items():
        count, theirs, ours = map(sum, zip(*by_way.values(), strict=True))
        yield f"{KINDS[kind]}: {write_count(count)}, theirs {inr(theirs)}, ours {inr(ours)}"
    yield f"Settle the differences in the browser: /reconcile/{run.pk}"


def _read_day(text: str) -> date:
    try:
        return read_day(text)
    except ValueError:
        raise CommandError(f"{text} is no day: {DAY_HELP}.") from None


def _find_maker(username: str) -> User:
    user: User | None = User.objects.filter(username=username, is_active=True).first()
    if user is None or not user.has_perm("limits.add_reconciliation"):
        raise CommandError("--user names nobody who may do that.")
    return user

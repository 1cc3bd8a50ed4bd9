"""Verify the ledger and the audit; the server may go on meanwhile."""

import json
import os
from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import Seal
from limits.services import seals, verifications
from limits.verify import Finding, count_rows_to_read, verify
from ppims.core import clock
from ppims.core.formats import name_count
from ppims.core.keys import KeyMissing
from ppims.core.progress import show_bar

WORTH_PROCESSES = 100_000  # rows: a process takes a second to begin
NOT_SO = "The ledger is not as it should be."


class Command(BaseCommand):
    help = (
        "Verify every signature, chain, count, sum, flag, hold and seal. Names the first row that"
        " is not as it should be, and what was expected of it; exit code 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seal", type=Path, help="a seal's file that was kept elsewhere")
        parser.add_argument("--all", action="store_true", help="name every row, not the first only")

    def handle(self, *args: Any, **options: Any) -> None:
        exported = read_seal(options["seal"]) if options["seal"] else None
        began_at, total = clock.now(), count_rows_to_read()
        found = verifications.Found(total)
        with show_bar("Verifying", total=total) as advance:
            processes = (os.cpu_count() or 1) if total > WORTH_PROCESSES else 0
            findings = verify(exported=exported, progress=advance, processes=processes)
            found.count_findings(map(self._say, islice(findings, None if options["all"] else 1)))
        is_cut_short = found.count > 0 and not options["all"]
        verifications.keep_verification(found, began_at=began_at, is_cut_short=is_cut_short)
        if found.count > 1:
            raise CommandError(f"{found.count} rows are not as they should be.")
        if found.count:
            raise CommandError(NOT_SO)
        self.stdout.write(f"{name_count(total, 'row')} verified: all as they should be.")

    def _say(self, finding: Finding) -> Finding:
        self.stderr.write(str(finding))
        return finding


def read_seal(path: Path) -> Seal:
    """Read a seal's file. Raises CommandError where it is no seal of this installation."""
    try:
        return seals.read_exported(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyMissing) as error:
        raise CommandError(f"{path}: {error}") from error

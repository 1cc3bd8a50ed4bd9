"""Seal the ledger and the audit as they are now, and write the seal's file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from limits.services import seals
from ppims.core.commands import tell_refusals
from ppims.core.formats import name_count


class Command(BaseCommand):
    help = (
        "Seal the ledger and the audit as they are now; once a day. Keep the file elsewhere and"
        " give it to verify_ledger --seal: it shows if newer rows, or all of them, were cut off."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", type=Path, help="the file; left out: in the data folder, seals/"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with tell_refusals():
            seal = seals.make_patiently()
        path = options["to"] or settings.PPIMS_DATA_DIR / "seals" / f"seal-{seal.number:06d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(seals.export_seal(seal), indent=2) + "\n", "utf-8")
        self.stdout.write(
            f"Seal {seal.number}: {name_count(seal.entry_count, 'entry', 'entries')},"
            f" {name_count(seal.check_count, 'check')},"
            f" {name_count(seal.audit_count, 'audit entry', 'audit entries')}.\n"
            f"{path}: keep it elsewhere."
        )

"""Count the overview's figures to the end, so that nobody who looks waits for them."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import OverviewSnapshot
from limits.services.overview import forget_figures
from ppims.core.errors import Unavailable
from ppims.reports import overview_counts

SECONDS_AT_ONCE = 5
MOST_TRIES, PAUSE_SECONDS = 15, 1.0
BUSY_MESSAGE = "Somebody else is counting, or the database is busy."


class Command(BaseCommand):
    help = (
        "Count the overview's figures now, while the server goes on. Looking at the overview does"
        " the same bit by bit; after lakhs were written at once this is quicker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anew", action="store_true", help="forget them first")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["anew"]:
            try:
                forget_figures()
            except Unavailable as busy:
                raise CommandError(BUSY_MESSAGE) from busy
        version, idle = 0, 0
        while not overview_counts.refresh(seconds=SECONDS_AT_ONCE):
            row = OverviewSnapshot.objects.filter(
                pk=1
            ).first()  # none yet, where the database was busy
            before, version = version, row.version if row else 0
            idle = idle + 1 if version == before else 0
            if idle > MOST_TRIES:
                raise CommandError(BUSY_MESSAGE)
            time.sleep(PAUSE_SECONDS if idle else 0)
        self.stdout.write("The overview's figures are complete.")

"""Do the daily watch now; whoever does background work does it once a day by itself."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import Notice
from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.core.formats import write_count
from ppims.maintenance.watch import watch
from ppims.models import Job
from ppims.services import jobs, operators

BUSY_MESSAGE = "The database is busy, or somebody else is counting. Try again."


class Command(BaseCommand):
    help = (
        "Look now for what somebody should look at: loading that stops soon, checks that were never"
        " answered, a seal, verification or backup that was missed or failed. It is put into Work,"
        " Notices. run_jobs does this every day by itself."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        began_at = clock.now()
        try:
            found = watch()
            jobs.record_done(
                Job.Kind.WATCH,
                began_at=began_at,
                arguments={"operator": operators.name_operator(), "at": began_at.isoformat()},
                result=asdict(found),
            )
        except Unavailable as busy:
            raise CommandError(BUSY_MESSAGE) from busy
        opened, closed = write_count(found.opened), write_count(found.closed)
        self.stdout.write(f"{opened} new, {closed} closed by themselves.")
        for kind, count in found.waiting.items():
            self.stdout.write(f"{Notice.Kind(kind).label}: {write_count(count)} open")

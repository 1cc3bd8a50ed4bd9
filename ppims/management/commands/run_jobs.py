"""Do background work; python3 -m ppims starts one such process beside the server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ppims.maintenance import job_runner
from ppims.maintenance.jobs import run_next
from ppims.services import jobs


class Command(BaseCommand):
    help = (
        "Do the jobs that pages ask for, one at a time, niced, until it is ended. Several at once"
        " are harmless; on many machines one is enough."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="do those that wait now, and end")
        how.add_argument("--beside", type=int, metavar="PID", help="end with the parent process")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            claim = jobs.name_runner()
            while job := run_next(claim):
                self.stdout.write(f"{job} was done or given up.")
        elif options["beside"]:
            job_runner.run_beside(options["beside"])
        else:
            job_runner.run_forever()

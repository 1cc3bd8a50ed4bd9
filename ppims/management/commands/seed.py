"""Write made-up customers with their histories: for measuring, and for trying out what lakhs do."""

import os
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from threading import Event
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ppims.core import clock
from ppims.core.days import read_day
from ppims.core.progress import show_bar
from ppims.management.commands.prepare import make_ready
from ppims.seed import writing
from ppims.seed.story import Plan


class Command(BaseCommand):
    help = (
        "Write made-up customers and their histories, for measuring. Stopped and started again"
        " with the same arguments it goes on; the same arguments give the same data. Of lakhs, the"
        " indexes by time are made in the end: a minute or two, in which the bar stands still."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customers", type=_make_bounded(1, 99_999_999), required=True)
        parser.add_argument("--months", type=_make_bounded(1, 60), default=12)
        parser.add_argument(
            "--seed", type=_make_bounded(0, 10**6), default=1, help="another number, other data"
        )
        parser.add_argument(
            "--until",
            type=read_day,
            metavar="DD-MM-YYYY",
            help="the histories end as this day begins; left out: today, or as at the first start",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Made-up data have no place in production.")
        make_ready()
        begun, today = writing.find_begun_plan(), clock.today()
        until = options["until"] or (date.fromisoformat(begun.until) if begun else today)
        if until > today:
            raise CommandError("--until lies in the future.")
        plan = Plan(options["customers"], options["months"], options["seed"], until.isoformat())
        try:
            writing.begin(plan)
            self._write(plan)
        except writing.NotHere as error:
            raise CommandError(str(error)) from error

    def _write(self, plan: Plan) -> None:
        rows, customers, started = 0, writing.count_customers_written(), time.monotonic()
        with (
            _notice_stops() as is_stopped,
            closing(writing.write(plan, processes=os.cpu_count() or 1)) as batches,
            show_bar("Customers", total=plan.customers, done=customers) as advance,
        ):
            for batch in batches:
                rows += batch.ledger_rows
                seconds = time.monotonic() - started
                advance(batch.customers - customers, f"{rows / seconds:,.0f} ledger rows/s")
                customers = batch.customers
                if is_stopped.is_set():
                    break
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{customers:,} of {plan.customers:,} customers are there; {rows:,} checks and entries"
            f" written in {seconds:,.0f} s. Their processors' log-ins: seed.json."
        )


def _make_bounded(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"is a whole number from {least} to {most}")
        return int(text)

    return read


@contextmanager
def _notice_stops() -> Iterator[Event]:
    """Let Ctrl-C and SIGTERM end it after the batch under way; a second one ends it at once."""
    asked = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {
        int(number): signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

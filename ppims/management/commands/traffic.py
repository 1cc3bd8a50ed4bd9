"""Make calls to the demo's own server for a while, as its processors would."""

import json
import os
import signal
import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ppims.core.errors import Conflict
from ppims.core.formats import write_count
from ppims.demo import traffic, traffic_place
from ppims.demo.load import ACCESS_FILE
from ppims.demo.traffic_place import DEFAULT_DURATION, DEFAULT_RATE, MOST_RATE

TRAFFICS_NICENESS = 10


class Command(BaseCommand):
    help = (
        "Make plausible calls to this demo’s running server: checks, updates, reversals, declines."
        " Ctrl-C ends it. One at a time; a demo on SQLite alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rate", type=_read_rate, default=DEFAULT_RATE, help="calls a second, 1 to 20"
        )
        parser.add_argument(
            "--for",
            dest="seconds",
            type=_read_seconds,
            default=DEFAULT_DURATION,
            help="90s, or 10m at most",
        )
        # The open file, locked, that a server hands on.
        parser.add_argument("--place", type=int, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PPIMS_STAND_IN:
            raise CommandError("Traffic is for a demo on SQLite.")
        rate, seconds = options["rate"], options["seconds"]
        if options["place"]:
            os.nice(TRAFFICS_NICENESS)
            place = traffic_place.Place(options["place"])
        else:
            place = _take_place(rate, seconds)
        # The first one too: of what a shell runs by &, it is ignored.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, _interrupt)
        access = _read_access()
        caller = traffic.Caller(access)
        script = traffic.write_script([each["system_id"] for each in access["processors"]])
        began = time.monotonic()
        try:
            traffic.run_traffic(
                caller, script, rate=rate, seconds=seconds, is_to_end=place.is_to_end
            )
        except KeyboardInterrupt:
            pass
        except traffic.ServerGone as gone:
            if not options["place"]:  # else it is the server that has ended
                raise CommandError(f"{gone}: {access['api_url']}") from gone
        finally:
            caller.close()
            place.leave()
            if caller.calls:
                self.stdout.write(_write_summary(caller, time.monotonic() - began))


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _take_place(rate: int, seconds: int) -> traffic_place.Place:
    try:
        place = traffic_place.take_place()
    except Conflict as conflict:
        raise CommandError("Traffic runs already: stop it first.") from conflict
    place.write_what_runs(rate=rate, seconds=seconds, pid=os.getpid())
    return place


def _read_access() -> dict[str, Any]:
    try:
        access: dict[str, Any] = json.loads((settings.PPIMS_DATA_DIR / ACCESS_FILE).read_text())
    except OSError as error:
        raise CommandError("There is no demo here: python3 -m ppims loads one.") from error
    return access


def _write_summary(caller: traffic.Caller, seconds: float) -> str:
    calls = ", ".join(f"{write_count(n)} {name}" for name, n in sorted(caller.calls.items()))
    answers = ", ".join(f"{name} {write_count(n)}" for name, n in sorted(caller.answers.items()))
    total = write_count(sum(caller.calls.values()))
    return f"{total} calls in {seconds:.0f} s: {calls or 'none'}. Answered: {answers or 'none'}."


def _read_rate(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_RATE:
        return int(text)
    raise ArgumentTypeError(f"a whole number from 1 to {MOST_RATE}")


def _read_seconds(text: str) -> int:
    try:
        return traffic_place.read_seconds(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error

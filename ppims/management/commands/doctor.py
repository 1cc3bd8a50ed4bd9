"""Say what of an installation isn't as it should be, and what mends it."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ppims.maintenance.doctor import early, examination


class Command(BaseCommand):
    help = (
        "Look at all that has to be right: settings, keys, permissions, disk, clock, database,"
        " rules, staff, upkeep. It says what isn't, and what mends it; it changes nothing. The exit"
        " code is 1 if anything is wrong."
    )
    requires_system_checks = ()  # it looks for itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument("--strict", action="store_true", help="exit with 1 for a warning too")

    def handle(self, *args: Any, **options: Any) -> None:
        # manage.py has examined the first part before the settings were read.
        findings = [*early.examine_once(), *examination.examine()]
        self.stdout.write(early.write_report(findings, as_json=options["json"]), ending="")
        if code := early.find_exit_code(findings, is_strict=options["strict"]):
            sys.exit(code)

"""Spread a migrated PostgreSQL database over many machines, by Citus."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.db import append_only, distribution, nodes
from ppims.db.cluster_suitability import explain_undistributable
from ppims.db.start_lock import wait_for_others
from ppims.server import health


class Command(BaseCommand):
    help = (
        "Spread the tables over the machines of Citus, or what a migration has added to them. "
        "Run by the owner of the tables, with every server stopped; again after each upgrade."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="do nothing: say what is to be done, and end with 1 if anything is",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if problem := explain_undistributable():
            raise CommandError(problem)
        if not health.is_migrated():
            raise CommandError("Migrations are missing: python3 -m ppims manage migrate.")
        if options["check"]:
            self._say_what_is_to_be_done()
            return
        with wait_for_others():
            self._do(is_quiet=options["verbosity"] == 0)

    def _say_what_is_to_be_done(self) -> None:
        words = [step.words for step in plan_steps()]
        words += [f"put back {problem}" for problem in nodes.list_problems()]
        for each in words:
            self.stdout.write(f"to do: {each}")
        if words:
            raise CommandError(f"{len(words)} things are to be done: manage distribute")
        self.stdout.write("Every table is in its place.")

    def _do(self, *, is_quiet: bool) -> None:
        distribution.let_session_change_shards()
        while steps := plan_steps():  # what they have made may want another one
            for step in steps:
                if not is_quiet:
                    self.stdout.write(step.words)
                distribution.run_step(step)
        if nodes.list_problems():
            self.stdout.write("put the triggers back on every shard")
            append_only.install(*append_only.TABLES)
        if problems := nodes.list_problems():
            raise CommandError(f"It is not whole: {', '.join(problems)}.")
        if not is_quiet:
            self.stdout.write("Every table is in its place.")


def plan_steps() -> list[distribution.Step]:
    """Plan what is to be done with this database."""
    return distribution.plan_steps(distribution.read_present(), distribution.list_wanted())

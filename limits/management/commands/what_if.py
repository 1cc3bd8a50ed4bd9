"""Say what a pack of limit rules would have done in the last months."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from customers.choices import Tier
from limits.services import rules, what_if
from ppims.core import clock
from ppims.core.formats import inr, write_count, write_month
from ppims.core.progress import show_bar
from ppims.models import Processor

CHANGE_NAMES = {False: "newly declined", True: "newly let through"}


class Command(BaseCommand):
    help = (
        "Replay the checks of the last months as if a pack of limit rules had been in force, and"
        " say how many would have been answered otherwise. It changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pack", type=Path, help="e.g. fixtures/limit_rules_rbi_2021.json")
        parser.add_argument(
            "--months",
            type=int,
            default=what_if.DEFAULT_MONTHS,
            choices=range(1, what_if.MOST_MONTHS + 1),
            metavar=f"1-{what_if.MOST_MONTHS}",
            help="calendar months, the last of which is this one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pack = rules.read_pack(options["pack"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{options['pack']} is no pack of limit rules: {error}") from error
        proposed = {(each.tier, each.direction, each.window): each.amount for each in pack}
        done = 0
        with show_bar("Replaying", total=1) as advance:

            def tell(now: int, total: int) -> None:
                nonlocal done
                advance((now - done) / (total or 1))
                done = now

            found = what_if.work_out(
                proposed, months=options["months"], until=clock.now(), progress=tell
            )
        for line in write_lines(found):
            self.stdout.write(line)


def write_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Write what was found, a figure or a check a line."""
    first, last = found["months"][0], found["months"][-1]
    span = write_month(first) if first == last else f"{write_month(first)} to {write_month(last)}"
    counts = f"{write_count(found['checks'])} checks of {write_count(found['customers'])} customers"
    yield f"{span}: {counts} decided anew."
    for name, is_let_through in (("declined", False), ("let_through", True)):
        yield f"{CHANGE_NAMES[is_let_through].capitalize()}: {_write_sums(found[name])}"
    names = dict(Processor.objects.values_list("pk", "system_id"))
    for line in found["lines"]:
        who = f"{Tier(line['tier']).label}, {names.get(line['processor'], line['processor'])}"
        yield f"  {who}, {CHANGE_NAMES[line['is_let_through']]}: {_write_sums(line)}"
    if found["largest"]:
        yield "The largest:"
    for each in found["largest"]:
        who = f"check {each['check']} of customer {each['customer']}"
        yield f"  {inr(each['paise'])}, {CHANGE_NAMES[each['is_let_through']]}: {who}"


def _write_sums(sums: Mapping[str, int]) -> str:
    checks, customers = write_count(sums["checks"]), write_count(sums["customers"])
    return f"{checks} checks of {customers} customers, {inr(sums['paise'])}"

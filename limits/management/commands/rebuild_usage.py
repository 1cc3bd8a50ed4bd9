"""Sum what customers have used anew; the server may go on meanwhile."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from limits import ledger
from limits.models import LedgerHead
from ppims.core.formats import name_count
from ppims.core.progress import show_bar
from ppims.db.transaction import read_snapshot, run_in_transaction

CUSTOMERS_AT_ONCE = 200


class Command(BaseCommand):
    help = "Sum the cached monthly usage anew from the ledger: of one customer, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customer", type=int, metavar="UNIQUE_ID")

    def handle(self, *args: Any, **options: Any) -> None:
        heads = LedgerHead.objects.order_by("pk").values_list("pk", flat=True)
        if options["customer"] is not None:
            heads = heads.filter(pk=options["customer"])
        with read_snapshot():
            total = heads.count()
        if options["customer"] is not None and not total:
            raise CommandError("There is nothing in the ledger for that customer.")
        done, changed = _rebuild_all(heads, total)
        done_text, changed_text = name_count(done, "customer"), name_count(changed, "month")
        self.stdout.write(f"Summed anew: {done_text}. Put right: {changed_text}.")


def _rebuild_all(heads: QuerySet[LedgerHead, int], total: int) -> tuple[int, int]:
    """Sum all of them anew. Return how many customers that were, and how many months had
    another sum.
    """
    done = changed = after = 0
    with show_bar("Summing", total=total) as advance:
        # Some at a time: the server's writers wait for a few customers, never for all.
        while chosen := _list_next(heads, after):
            changed += run_in_transaction(partial(_rebuild, chosen), takes_instant=False)
            done, after = done + len(chosen), chosen[-1]
            advance(len(chosen))
    return done, changed


def _list_next(heads: QuerySet[LedgerHead, int], after: int) -> list[int]:
    with read_snapshot():
        return list(heads.filter(pk__gt=after)[:CUSTOMERS_AT_ONCE])


def _rebuild(customer_ids: list[int]) -> int:
    return sum(ledger.rebuild_usage(customer_id) for customer_id in customer_ids)

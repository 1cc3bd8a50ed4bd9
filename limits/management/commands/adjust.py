"""Propose to correct what a customer has used in a month. Another person approves it in the
browser: a command that did both would make a record of two people out of one.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import Adjustment, Direction
from limits.services import adjustments
from ppims.core import calendar
from ppims.core.commands import tell_refusals
from ppims.core.formats import inr
from ppims.core.money import read_balance_paise
from ppims.models import FourEyes, User
from ppims.services.operators import name_operator


class Command(BaseCommand):
    help = (
        "Propose corrections of a customer's monthly usage, or list what waits. They are approved,"
        " rejected and withdrawn in the browser, under Approvals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        proposing = verbs.add_parser("propose", help="add to, or take from, what is used")
        proposing.add_argument("unique_id", type=int)
        proposing.add_argument("month", help="YYYY-MM, a month in India")
        proposing.add_argument("direction", choices=Direction.values, help="D spend, C load")
        proposing.add_argument("amount", help="rupees: 250.00 is added, -250.00 taken away")
        proposing.add_argument("--reason", required=True)
        proposing.add_argument(
            "--by",
            required=True,
            metavar="USERNAME",
            help="the maker; who types this, of the operating system's users, is recorded beside",
        )
        verbs.add_parser("list", help="what waits for a second person")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "list":
            waiting = Adjustment.objects.filter(state=FourEyes.State.PROPOSED).order_by("pk")
            for adjustment in waiting.select_related("maker"):
                self.stdout.write(describe(adjustment))
            return
        with tell_refusals():
            proposed = propose(options)
        self.stdout.write(describe(proposed))
        page = f"/work/approvals/adjustment/{proposed.pk}"
        self.stdout.write(f"Another person approves it in the browser, under Approvals: {page}")


def propose(options: dict[str, Any]) -> Adjustment:
    user = find_maker(options["by"])
    try:
        month = int(options["month"].replace("-", ""))
        amount_paise = read_balance_paise(options["amount"])
    except ValueError:
        raise CommandError("The month is YYYY-MM, the amount rupees such as -250.00.") from None
    correction = adjustments.Correction(
        options["unique_id"], month, options["direction"], amount_paise, options["reason"]
    )
    return adjustments.propose(correction=correction, user=user, operator=name_operator())


def find_maker(username: str) -> User:
    """Find who proposes it. Raises CommandError where that person may not."""
    user: User | None = User.objects.filter(username=username, is_active=True).first()
    if user is None or not user.has_perm("limits.propose_adjustment"):
        raise CommandError("--by names nobody who may do that")
    return user


def describe(adjustment: Adjustment) -> str:
    month, amount = calendar.find_first_day(adjustment.month), inr(adjustment.amount_paise)
    at_machine = f" (typed by {adjustment.operator})" if adjustment.operator else ""
    return (
        f"Adjustment {adjustment.pk} of customer {adjustment.customer_id}:"
        f" {adjustment.get_direction_display()} {month:%Y-%m} {amount},"
        f" {adjustment.get_state_display().lower()}, proposed by {adjustment.maker}{at_machine}:"
        f" {adjustment.reason}"
    )

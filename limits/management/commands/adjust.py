"""Correct what a customer has used in a month: one person proposes it, another approves it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.models import Adjustment, Direction
from limits.services import adjustments
from limits.services.adjustments import Correction
from ppims.errors import Refusal
from ppims.models import FourEyes, User
from ppims.money import balance_to_paise, to_inr

DECISIONS = {
    "approve": FourEyes.State.APPROVED,
    "reject": FourEyes.State.REJECTED,
    "withdraw": FourEyes.State.WITHDRAWN,
}
PERMISSIONS = {
    "propose": "limits.propose_adjustment",
    "withdraw": "limits.propose_adjustment",
    "approve": "limits.approve_adjustment",
    "reject": "limits.approve_adjustment",
}


class Command(BaseCommand):
    help = "Propose, approve, reject, withdraw or list corrections of a customer's monthly usage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        proposing = verbs.add_parser("propose", help="add to, or take from, what is used")
        proposing.add_argument("unique_id", type=int)
        proposing.add_argument("month", help="YYYY-MM, a month in India")
        proposing.add_argument("direction", choices=Direction.values, help="D spend, C load")
        proposing.add_argument("amount", help="rupees: 250.00 is added, -250.00 taken away")
        proposing.add_argument("--reason", required=True)
        for verb in DECISIONS:
            verbs.add_parser(verb).add_argument("id", type=int)
        verbs.choices["reject"].add_argument("--reason", required=True, help="the maker sees it")
        for verb in PERMISSIONS:
            verbs.choices[verb].add_argument("--by", required=True, metavar="USERNAME")
        verbs.add_parser("list", help="what waits for a second person")

    def handle(self, *args: Any, **options: Any) -> None:
        verb = options["verb"]
        if verb == "list":
            waiting = Adjustment.objects.filter(state=FourEyes.State.PROPOSED).order_by("pk")
            for adjustment in waiting.select_related("maker"):
                self.stdout.write(described(adjustment))
            return
        try:
            user = person(options["by"], PERMISSIONS[verb])
            done = propose(options, user) if verb == "propose" else decide(options, user)
        except Refusal as refusal:
            raise CommandError(refusal.in_words()) from refusal
        self.stdout.write(described(done))


def propose(options: dict[str, Any], user: User) -> Adjustment:
    try:
        month = int(options["month"].replace("-", ""))
        amount_paise = balance_to_paise(options["amount"])
    except ValueError:
        raise CommandError("The month is YYYY-MM, the amount rupees such as -250.00.") from None
    correction = Correction(
        options["unique_id"], month, options["direction"], amount_paise, options["reason"]
    )
    return adjustments.propose(correction=correction, user=user)


def decide(options: dict[str, Any], user: User) -> Adjustment:
    if not Adjustment.objects.filter(pk=options["id"]).exists():
        raise CommandError(f"There is no adjustment {options['id']}.")
    state = DECISIONS[options["verb"]]
    note = options.get("reason", "")
    return adjustments.decide(adjustment_id=options["id"], state=state, user=user, note=note)


def person(username: str, permission: str) -> User:
    """Find who does it. Raises CommandError where that person may not."""
    user: User | None = User.objects.filter(username=username, is_active=True).first()
    if user is None or not user.has_perm(permission):
        raise CommandError("--by names nobody who may do that")
    return user


def described(adjustment: Adjustment) -> str:
    year, month = divmod(adjustment.month, 100)
    amount = to_inr(adjustment.amount_paise)
    return (
        f"Adjustment {adjustment.pk} of customer {adjustment.customer_id}:"
        f" {adjustment.get_direction_display()} {year}-{month:02d} {amount},"
        f" {adjustment.get_state_display().lower()}, proposed by {adjustment.maker}:"
        f" {adjustment.reason}"
    )

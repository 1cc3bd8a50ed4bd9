"""Take a person's second factor away at the machine, where no other admin can."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.models import User
from ppims.services import second_factor


class Command(BaseCommand):
    help = (
        "Take a person's second factor and recovery codes away, and end their sessions: they set up"
        " another at the next log-in. The audit keeps which user of the operating system did."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        if second_factor.find_factor(user) is None:
            raise CommandError(f"{user} has no second factor.")
        second_factor.remove_at_the_machine(user=user)
        self.stdout.write(f"{user} sets up another second factor at the next log-in.")

"""Give a user a password at the machine: in the place of Django's, which nobody hears of."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.models import User
from ppims.services import operators


class Command(BaseCommand):
    help = (
        "Change a user's password, and end a wait after wrong guesses; the audit keeps which user"
        " of the operating system did."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        try:
            password = operators.ask_new_password(user)
        except KeyboardInterrupt:
            raise CommandError("Nothing is changed.") from None
        operators.change_password(user, password)
        self.stdout.write(f"The password of {user} is changed; all sessions of that user ended.")

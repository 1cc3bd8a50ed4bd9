"""Make an admin, the first one above all: Django's own command lets any password pass."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from ppims.models import User
from ppims.services import operators


class Command(BaseCommand):
    help = "Make an admin; the audit keeps which user of the operating system did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", help="or DJANGO_SUPERUSER_USERNAME; else it is asked")
        parser.add_argument("--email", help="or DJANGO_SUPERUSER_EMAIL; it may be empty")
        parser.add_argument(
            *("--noinput", "--no-input"),
            action="store_false",
            dest="asks",
            help="ask nothing: the password is DJANGO_SUPERUSER_PASSWORD; without, there is none",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"] or os.environ.get("DJANGO_SUPERUSER_USERNAME")
        email = options["email"] or os.environ.get("DJANGO_SUPERUSER_EMAIL", "")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        try:
            if options["asks"]:
                username = username or input("Username: ")
                password = operators.ask_new_password(User(username=username, email=email))
            if not username:
                raise CommandError("--noinput needs --username.")
            user = operators.make_admin(username=username, email=email, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except (EOFError, KeyboardInterrupt):
            raise CommandError("Nobody was made.") from None
        self.stdout.write(f"{user} is an admin.")

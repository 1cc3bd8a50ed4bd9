"""Propose a pack of limit rules as one change; another admin approves it in the browser."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.services import rules
from ppims.core import clock
from ppims.core.formats import name_count
from ppims.models import User
from ppims.services.operators import name_operator


class Command(BaseCommand):
    help = (
        "Propose what differs in a pack of limit rules from those in force, as one change:"
        " e.g. fixtures/limit_rules_rbi_2021.json."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pack", type=Path)
        parser.add_argument("--proposed-by", required=True, metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["proposed_by"], is_active=True).first()
        if user is None or not user.has_perm("limits.add_limitrule"):
            raise CommandError("--proposed-by names no admin")
        try:
            pack = rules.read_pack(options["pack"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{options['pack']} is no pack of limit rules: {error}") from error
        proposals = rules.pick_different(pack, clock.now())
        if not proposals:
            self.stdout.write("All of it is in force already: nothing is proposed.")
            return
        proposed = rules.propose(
            proposals=proposals, user=user, operator=name_operator(), pack=options["pack"].stem
        )
        where = "another admin approves them in the browser, under Approvals: /work/approvals"
        self.stdout.write(f"{name_count(len(proposals), 'rule')} proposed as one change; {where}")
        for warning in rules.describe_set_starts([proposed], clock.now()).values():
            self.stderr.write(warning)

"""Django's migrate, for a database that can hold what PPIMS keeps."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from ppims.db import distribution, nodes
from ppims.db.start_lock import wait_for_others
from ppims.db.suitability import explain_unsuitable


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        if problem := explain_unsuitable(using):
            raise CommandError(problem)
        with wait_for_others(using):
            if nodes.is_distributed(using):
                distribution.let_session_change_shards(using)
                distribution.leave_foreign_keys_to_steps(using)
            super().handle(*args, **options)

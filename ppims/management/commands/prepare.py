"""Make an installation ready to serve: tables, roles, the first limit rules and, unless in
production, demo data.
"""

import sqlite3
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from limits.services import rules
from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.db import alias, bulk, clock_guard, failed_syncs, outages
from ppims.db.start_lock import wait_for_others
from ppims.demo import load, reset
from ppims.maintenance.watch import watch
from ppims.models import Processor
from ppims.server import health, static_files
from ppims.services import call_buffer, key_usage, role_groups


class Command(BaseCommand):
    help = "Make the installation ready to serve. Any number of times: nothing is loaded twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", required=True, help="where it will be served: http://127.0.0.1:8000"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        make_ready()
        if settings.STATIC_ROOT:
            static_files.collect(settings.STATIC_ROOT)
        if settings.PRODUCTION:
            refuse_demo()
        else:
            with wait_for_others():
                url = options["url"].rstrip("/")
                reset.forget_what_was_set()
                is_new = load.load()
                if is_new:
                    let_watch()
                load.write_access(url=url)
                reset.ensure_start(url=url, is_new=is_new)


def make_ready() -> None:
    """Set up the tables, the roles, the first rules and the record of keys. Raises CommandError
    where something is missing.
    """
    heal_after_failed_sync()
    # In this process: to load everything once more would be a third of a start's time.
    call_command("migrate", verbosity=0)
    if outages.is_read_only():
        raise CommandError("The database is read-only: it is a standby, or was made so.")
    with wait_for_others():
        bulk.make_indexes_by_time()
        role_groups.set_up()
        call_command("clearsessions")
        with suppress(Unavailable):  # old calls can wait: a start can't, least of all for a clock
            call_buffer.purge(clock.now())
        rules.load_first_pack()
    if missing := health.list_missing():
        raise CommandError(f"This installation can't serve: it lacks {', '.join(missing)}.")
    key_usage.record_use()
    clock_guard.get_guard().look()  # from here on a jump is noticed, before the first write too


def heal_after_failed_sync() -> None:
    """Raises CommandError where the disk still fails, or another process has SQLite's file open."""
    file = alias.find_file(DEFAULT_DB_ALIAS)
    if file is None:
        return
    try:
        with wait_for_others():
            failed_syncs.write_log_anew(file)
    except failed_syncs.StillOpen:
        raise CommandError(
            f"The disk did not keep what was written. End what has {file} open (fuser), and start"
            " again."
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"The disk still fails: {error}. {file} was left as it is.") from error


def let_watch() -> None:
    """Let the demo's notices be there from its first page on."""
    with suppress(Unavailable):  # whoever does background work does it soon
        watch()


def refuse_demo() -> None:
    """Raises CommandError where a demo's password would open this production installation."""
    for system_id, password in load.PASSWORDS.items():
        processor = Processor.objects.filter(system_id=system_id).first()
        if processor and check_password(password, processor.password):
            raise CommandError(
                f"Processor {system_id} has the demo's password: production refuses it."
            )

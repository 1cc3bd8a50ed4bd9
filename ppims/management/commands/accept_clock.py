"""Take the clock for right as it is now, after it has jumped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ppims.core.commands import tell_refusals
from ppims.db import clock_guard
from ppims.services import operators
from ppims.wire.reply_fields import write_instant


class Command(BaseCommand):
    help = (
        "Let PPIMS write again after its clock has jumped, once you have made sure that the time it"
        " shows is the right one. Audited with the operating system's user."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        guard = clock_guard.get_guard()
        jump_ns = guard.accept()
        if not jump_ns:
            self.stdout.write("The clock has not jumped: there is nothing to accept.")
            return
        try:
            with tell_refusals():
                seconds = round(jump_ns / 10**9)
                at = operators.record_accepted_clock(seconds=seconds, of=guard.of).at
                guard.publish()
        except OSError as error:
            raise CommandError(f"The server can't be told: {error}") from error
        said = f"{clock_guard.describe_jump(jump_ns)}; {write_instant(at)} IST is accepted."
        self.stdout.write(said)

"""Say what needs each key, and take the steps by which a new one takes its place."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ppims.core import key_sources
from ppims.core.formats import ist
from ppims.core.keys import NEXT_MARK
from ppims.maintenance import rotation
from ppims.models import KeyRotation
from ppims.reports import keys as report
from ppims.server import health

NEW_KEY_WORD, DROP_WORD = "new-key", "drop"


class Command(BaseCommand):
    help = (
        "Without a word: say of each key where it stands, since when it was used, and what still"
        " needs it. With documents, digests, ledger or session: take the next step of a new key"
        " that two admins have decided on. It may be run again at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = [*rotation.PURPOSE_BY_WORD, DROP_WORD, NEW_KEY_WORD]
        parser.add_argument("what", nargs="?", choices=words, help="what is rotated")
        parser.add_argument("key", nargs="?", default="", help="the name of the key to drop")
        parser.add_argument(
            "--restarted",
            action="store_true",
            help="every server and runner of jobs was restarted since the last step",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        what = options["what"]
        if (what == DROP_WORD) != bool(options["key"]):
            raise CommandError("Name the key to drop, and a key for nothing else.")
        if what == NEW_KEY_WORD:  # of nobody yet: it counts once it is in a ring
            self.stdout.write(f"{NEXT_MARK}{key_sources.draw_key()}")
            return
        if missing := health.list_missing():
            raise CommandError(f"This installation lacks {', '.join(missing)}.")
        try:
            with key_sources.hold_folder(settings.PPIMS_DATA_DIR):
                self._act(what, options)
        except (rotation.Refused, key_sources.Busy) as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"The key file isn't changed: {error.strerror}") from None

    def _act(self, what: str | None, options: dict[str, Any]) -> None:
        if what == DROP_WORD:
            rotation.drop(options["key"], say=self.stdout.write)
        elif what:
            purpose = rotation.PURPOSE_BY_WORD[what]
            restarted = options["restarted"]
            rotation.rotate(purpose, has_restarted=restarted, say=self.stdout.write)
        else:
            rotation.count_needs()
            for line in list_lines():
                self.stdout.write(line)


def list_lines() -> Iterator[str]:
    """Write each ring, its keys beneath it, and what is on its way."""
    open_rotations = {row.purpose: row for row in KeyRotation.objects.filter(KeyRotation.OPEN)}
    for purpose, lines in report.list_keys().items():
        yield f"{KeyRotation.Purpose(purpose).label}s"
        for line in lines:
            since = f", used since {ist(line.first_used_at)}" if line.first_used_at else ""
            yield f"  {line.key_id}  {line.place.value}{since}. Needed by: {line.need_text}"
        if found := open_rotations.get(purpose):
            yield f"  A new key is {found.get_state_display().lower()}, for {found.reason!r}."
            yield f"  {report.describe_next_step(found)}"

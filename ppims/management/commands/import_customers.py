"""Bring a file of customers at the machine: read it, and propose it."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from customers.imports import storing
from customers.imports.columns import write_template
from customers.models import CustomerImport, ImportFile
from customers.services import imports
from ppims.core.commands import tell_refusals
from ppims.core.errors import Refusal
from ppims.core.formats import write_count
from ppims.core.progress import show_bar
from ppims.maintenance.import_reading import read_file
from ppims.models import Processor, User
from ppims.services import jobs, operators
from ppims.services.brought_files import Arrival, TooBig

PIECE_BYTES = 64 * 1024
PROPOSE_RIGHT = "customers.propose_customerimport"
LABELS = {
    "new_count": "new",
    "elsewhere_count": "known elsewhere, to be registered",
    "known_count": "known already",
    "review_count": "to review: may be somebody else",
    "refused_count": "refused",
}


class Command(BaseCommand):
    help = (
        "Bring a file of customers, read it and print what is in it: nothing is added yet. With"
        " --propose it is proposed in the user's name; another person approves it, in Work,"
        " Approvals. --template prints a file to begin with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV in UTF-8")
        parser.add_argument("--template", action="store_true", help="print a file to begin with")
        parser.add_argument("--processor", metavar="SYSTEM_ID", help="whose customers they are")
        parser.add_argument("--user", metavar="NAME", help="who of the staff brings it")
        parser.add_argument("--propose", metavar="REASON", help="propose to add them")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["template"]:
            self.stdout.write(write_template(), ending="")
            return
        if not (options["file"] and options["processor"] and options["user"]):
            raise CommandError("Name the file, --processor and --user.")
        user, processor = _find_user(options["user"]), _find_processor(options["processor"])
        with tell_refusals():
            file = _keep_file(options["file"], processor, user)
            self._read(file)
            if options["propose"] is not None:
                proposal = _propose(file, options["propose"], user)
                self.stdout.write(f"Proposed: {proposal} waits for another person, in Approvals.")

    def _read(self, file: ImportFile) -> None:
        with show_bar("reading", total=None) as advance:
            read_file(file, _tell(advance))
        file.refresh_from_db()
        if file.fault:
            raise CommandError(file.fault)
        for name, label in LABELS.items():
            self.stdout.write(f"{write_count(getattr(file, name)):>12}  {label}")
        self.stdout.write(f"{write_count(file.row_count):>12}  rows; file {file.pk}")


def _tell(advance: Callable[..., None]) -> jobs.Progress:
    before = 0

    def tell(done: int, total: int) -> None:
        nonlocal before
        advance(done - before, note=f"of {total:,} KiB")
        before = done

    return tell


def _find_user(name: str) -> User:
    user: User | None = User.objects.filter(username=name, is_active=True).first()
    if user is None or not user.has_perm(PROPOSE_RIGHT):
        raise CommandError(f"There is no active user {name} who may import customers.")
    return user


def _find_processor(system_id: str) -> Processor:
    states = [Processor.State.ACTIVE]
    processor = Processor.objects.filter(system_id=system_id, state__in=states).first()
    if processor is None:
        raise CommandError(f"There is no active processor {system_id}.")
    return processor


def _keep_file(path: Path, processor: Processor, user: User) -> ImportFile:
    """Keep a file, encrypted, and put it on record. Raises Refusal, CommandError."""
    arrival: Arrival | None = None
    try:
        with open(path, "rb") as source:
            arrival = storing.begin_file()
            while piece := source.read(PIECE_BYTES):
                arrival.add(piece)
        stored = arrival.close()
    except TooBig:
        raise CommandError("The file is larger than may be brought at once: cut it.") from None
    except OSError as error:
        if arrival:
            arrival.drop()
        raise CommandError(f"The file can't be kept: {error.strerror}.") from None
    try:
        return imports.keep_file(
            processor=processor,
            name=path.name,
            stored=vars(stored),
            user=user,
            operator=operators.name_operator(),
        )
    except Refusal:
        storing.delete_unrecorded(stored.stored_as)
        raise


def _propose(file: ImportFile, reason: str, user: User) -> CustomerImport:
    operator = operators.name_operator()
    return imports.propose(file_id=file.pk, reason=reason, user=user, operator=operator)

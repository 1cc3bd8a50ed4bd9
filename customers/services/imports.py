"""Files of customers: brought by one person, read, proposed, and approved by another; and how far
adding their customers is. The files themselves are elsewhere: customers/imports.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext

from customers.models import CustomerImport, ImportFile
from customers.models.imports import LONGEST_FAULT, LONGEST_FILE_NAME
from customers.services.disclosures import Viewer
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import has_controls, require_text
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, Job, Processor, User
from ppims.services import audit, jobs
from ppims.services.four_eyes import Proposals

KEPT_FOR = timedelta(days=7)
State = FourEyes.State
COUNT_COLUMNS = ("new_count", "elsewhere_count", "known_count", "review_count", "refused_count")


class Moved(Exception):
    """Another runner works on this file."""


@wrap_in_transaction
def keep_file(
    *,
    processor: Processor,
    name: str,
    stored: Mapping[str, object],
    user: User,
    operator: str = "",
    is_read_by_job: bool = False,
) -> ImportFile:
    """Put a file on record that is kept already; where a job is to read it, ask for that. `stored`
    are the columns that say where and what it is. Raises Malformed, and Conflict where too much of
    the user's waits.
    """
    file = ImportFile(
        processor=processor,
        name=_require_name(name),
        brought_by=user,
        brought_at=clock.now(),
        **stored,
    )
    file.save(force_insert=True)
    detail = {**_describe_file(file), **({"operator": operator} if operator else {})}
    audit.record("customer file brought", at=file.brought_at, user=user, detail=detail)
    if is_read_by_job:
        ask_for_reading(file, user)
    return file


def ask_for_reading(file: ImportFile, user: User) -> Job:
    """Ask for a file to be read. Raises Conflict where too much of the user's waits."""
    return jobs.ask(Job.Kind.IMPORT_READ, owner=user, arguments={"file": file.pk})


@wrap_in_transaction
def keep_reading(*, file_id: int, counts: Mapping[str, int], fault: str = "") -> None:
    """Keep what reading a file has found: the last one counts, until somebody has proposed it."""
    file: ImportFile = owned_rows.lock_row(ImportFile, file_id)
    if file.gone_at or find_counting(file):
        return
    file.read_at, file.fault = clock.now(), fault[:LONGEST_FAULT]
    for name in COUNT_COLUMNS:
        setattr(file, name, counts.get(name, 0))
    file.row_count = sum(getattr(file, name) for name in COUNT_COLUMNS)
    owned_rows.save_columns(file, ["read_at", "fault", "row_count", *COUNT_COLUMNS])


@wrap_in_transaction
def propose(*, file_id: int, reason: str, user: User, operator: str = "") -> CustomerImport:
    """Propose to add the customers of a file. Raises Malformed without a reason, and Conflict where
    it can't be added: it isn't read, has nothing to add, is gone, or is proposed already.
    """
    given = require_text(reason, "reason", most=LONGEST_NOTE)
    file: ImportFile = owned_rows.lock_row(ImportFile, file_id)
    if obstacle := describe_obstacle(file):
        raise Conflict([("", obstacle)])
    if find_counting(file):
        raise Conflict([("", gettext("It is proposed already."))])
    proposal = CustomerImport(file=file, digest=file.digest, reason=given, operator=operator)
    proposal.maker, proposal.proposed_at = user, clock.now()
    return IMPORT_PROPOSALS.keep(proposal)


def describe_obstacle(file: ImportFile) -> str:
    """Say why the customers of a file can't be added; "": they can."""
    if file.gone_at or file.ended_at:
        return gettext("The file is gone: bring it again.")
    if not file.read_at:
        return gettext("The file isn’t read yet.")
    if file.fault:
        return gettext("The file can’t be read: bring it again once it is mended.")
    if not file.count_to_add:
        return gettext("There is nobody to add in it.")
    if file.processor.state != Processor.State.ACTIVE:
        return gettext("The processor is not active.")
    return ""


def find_counting(file: ImportFile) -> CustomerImport | None:
    """Find the proposal of a file that waits, or was approved."""
    states = [State.PROPOSED, State.APPROVED]
    return CustomerImport.objects.filter(file=file, state__in=states).first()


def find_stale(proposals: Iterable[CustomerImport], _at: datetime) -> set[int]:
    """Find which proposals can't be carried out any more, by their keys."""
    return {row.pk for row in proposals if describe_obstacle(row.file)}


@wrap_in_transaction
def go_on(*, file_id: int, user: User) -> Job:
    """Ask anew for an import that was approved, and whose job has failed. Raises Conflict."""
    proposal = CustomerImport.objects.filter(file_id=file_id, state=State.APPROVED).first()
    if proposal is None or describe_obstacle(proposal.file):
        raise Conflict([("", gettext("There is nothing to go on with."))])
    return _ask_for_import(proposal, user)


def lock_progress(file_id: int, *, first: int) -> ImportFile:
    """Lock a file whose rows before `first` were worked through, inside the transaction that works
    on the next ones. Raises Moved where it isn't so: somebody else was there.
    """
    file: ImportFile = owned_rows.lock_row(ImportFile, file_id)
    if file.done_count != first or file.ended_at:
        raise Moved
    return file


def keep_progress(file: ImportFile, *, done: int, added: int) -> None:
    """Count rows of a locked file as worked through, and how many of them were added."""
    file.done_count += done
    file.added_count += added
    owned_rows.save_columns(file, ["done_count", "added_count"])


@wrap_in_transaction
def finish(*, import_id: int, counts: Mapping[str, int]) -> None:
    """End an import, with what came of its rows on record. `counts` are of this run."""
    proposal = CustomerImport.objects.get(pk=import_id)
    file: ImportFile = owned_rows.lock_row(ImportFile, proposal.file_id)
    if file.ended_at:
        return
    file.ended_at = clock.now()
    owned_rows.save_columns(file, ["ended_at"])
    detail = {**describe_source(proposal), **_describe_file(file)}
    detail |= {"rows": file.row_count, "added": file.added_count, "outcomes": dict(counts)}
    audit.record("customer import done", at=file.ended_at, detail=detail)


def describe_source(proposal: CustomerImport) -> dict[str, object]:
    """Say in the audit of each customer by which import it came, and by whose word."""
    assert proposal.maker
    assert proposal.checker
    source: dict[str, object] = {
        "import": proposal.pk,
        "proposed_by": proposal.maker.get_username(),
        "approved_by": proposal.checker.get_username(),
    }
    return source | ({"operator": proposal.operator} if proposal.operator else {})


@wrap_in_transaction
def record_export(*, file: ImportFile, viewer: Viewer) -> None:
    """Put on record that somebody takes the refused rows of a file away: before they leave."""
    audit.record(
        "refused rows exported",
        at=clock.now(),
        user=viewer.user,
        detail={**_describe_file(file), "rows": file.refused_count, "source": viewer.source},
    )


def list_to_forget(at: datetime) -> "QuerySet[ImportFile]":
    """List the files that are kept no longer: a week old, or refused by the second person. One that
    was approved stays until its customers are added, so that an import is whole.
    """
    is_old = Q(brought_at__lt=at - KEPT_FOR)
    approved = CustomerImport.objects.filter(state=State.APPROVED).values("file_id")
    rejected = CustomerImport.objects.filter(state=State.REJECTED).values("file_id")
    open_ones = CustomerImport.objects.filter(state=State.PROPOSED).values("file_id")
    is_rejected = Q(pk__in=rejected) & ~Q(pk__in=open_ones) & ~Q(pk__in=approved)
    is_at_work = Q(pk__in=approved, ended_at__isnull=True)
    kept = ImportFile.objects.filter(gone_at__isnull=True)
    return kept.filter(is_old | is_rejected).exclude(is_at_work).order_by("pk")


@wrap_in_transaction
def forget(*, file_id: int) -> None:
    """Put on record that nothing is left of a file."""
    file: ImportFile = owned_rows.lock_row(ImportFile, file_id)
    if not file.gone_at:
        file.gone_at = clock.now()
        owned_rows.save_columns(file, ["gone_at"])


def count_kept_by_key() -> dict[str, int]:
    """Count the files that are there, by the key that reads them."""
    kept = ImportFile.objects.filter(gone_at__isnull=True).values_list("key_id", flat=True)
    return dict(Counter(kept))


def _require_name(name: str) -> str:
    """Return a file's name as it is kept. Raises Malformed where it holds controls."""
    said = name.strip()[-LONGEST_FILE_NAME:]
    if not said or has_controls(said):
        raise Malformed([("file", gettext("has a name that can’t be kept: give it another."))])
    return said


def _describe_file(file: ImportFile) -> dict[str, object]:
    return {
        "file": file.pk,
        "processor": file.processor.system_id,
        "digest": file.digest,
        "size_bytes": file.size_bytes,
    }


def _ask_for_import(proposal: CustomerImport, user: User) -> Job:
    return jobs.ask(Job.Kind.IMPORT, owner=user, arguments={"import": proposal.pk})


def _lock(proposal: CustomerImport) -> tuple[ImportFile, datetime]:
    file: ImportFile = owned_rows.lock_row(ImportFile, proposal.file_id)
    return file, clock.now()


def _carry_out(proposal: CustomerImport, file: ImportFile, _at: datetime) -> list[Model]:
    """Ask for the work. Raises Conflict where it can't be done any more."""
    if file.digest != proposal.digest or (obstacle := describe_obstacle(file)):
        raise Conflict([("", obstacle or gettext("The file is another one."))])
    assert proposal.checker
    _ask_for_import(proposal, proposal.checker)
    return []


def _describe(proposal: CustomerImport) -> dict[str, object]:
    file = proposal.file
    return {
        "import": proposal.pk,
        **_describe_file(file),
        "before": {},
        "after": {name.removesuffix("_count"): getattr(file, name) for name in COUNT_COLUMNS},
        "reason": proposal.reason,
    }


IMPORT_PROPOSALS = Proposals(
    model=CustomerImport,
    name="customer import",
    lock=_lock,
    carry_out=_carry_out,
    describe=_describe,
)

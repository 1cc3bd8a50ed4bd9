"""Add the customers of a file once two people have agreed on it. docs/operations.md, "Bring your
customers".

Batch by batch, each with its new customers and how far the file is in one short transaction. Each
row has a Ref_Id of its own, as a request of the API has: whatever is cut off is done again, and has
its effect once.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import IntegrityError

from customers import bulk as customer_rows
from customers.claims import Doubt
from customers.imports import judging, storing
from customers.imports.columns import UnreadableFile
from customers.imports.judging import Judged, Outcome, Seen
from customers.imports.reading import Row, Table
from customers.models import CustomerImport, Identifier, ImportFile
from customers.records import draw_unique_id
from customers.services import customers, imports
from limits.models import Direction
from limits.services.openings import Opening, record_openings, split_usage
from ppims.core import clock, keys
from ppims.core.errors import Conflict, Refusal, Unavailable
from ppims.core.sealed_files import Broken
from ppims.db import bulk
from ppims.db.transaction import run_in_transaction
from ppims.maintenance.import_reading import FILE_ERRORS, ROWS_AT_ONCE, cut, make_conflict
from ppims.models import AuditEntry, FourEyes, Job, Operation, ReplayKey
from ppims.services import audit, jobs
from ppims.services.idempotency import Call

MOST_TRIES = 3
RESERVED_MODELS = (*customer_rows.NUMBERED_MODELS, AuditEntry)
ADDED_WORD = "added"


class Collided(Exception):
    """Somebody else has written what a batch was about to."""


@dataclass
class Run:
    """One run of an import: what each row needs, and what has come of the rows so far."""

    proposal: CustomerImport
    file: ImportFile
    source: dict[str, object]
    counts: Counter[str] = field(default_factory=Counter)

    def make_call(self, row: Row) -> Call:
        assert row.message
        ref_id = self.name_row(row)
        return Call(self.file.processor, Operation.ADD_CUSTOMER, ref_id, row.message.make_content())

    def name_row(self, row: Row) -> str:
        return f"IMP{self.proposal.pk}-{row.number}"


def do_import(job: Job, progress: jobs.Progress) -> dict[str, object]:
    """Do the job of adding the customers of a file."""
    return add_customers(jobs.read_arguments(job)["import"], progress)


def add_customers(import_id: int, progress: jobs.Progress) -> dict[str, object]:
    """Add the customers of a file that two people have agreed on, from where it was left. Raises
    Conflict where the file isn't there as it was approved.
    """
    found = CustomerImport.objects.select_related("file__processor", "maker", "checker")
    proposal = found.get(pk=import_id)
    if proposal.state != FourEyes.State.APPROVED:
        raise Conflict([("", "It isn’t approved.")])
    run = Run(proposal, proposal.file, imports.describe_source(proposal))
    if not run.file.ended_at:
        try:
            _require_approved_file(run)
            _work_through(run, progress)
        except FILE_ERRORS as error:
            raise make_conflict(error) from None
        except UnreadableFile as unreadable:  # by a version that reads otherwise
            raise Conflict([("", str(unreadable))]) from None
        imports.finish(import_id=import_id, counts=run.counts)
        storing.remove_rows(run.file)
    run.file.refresh_from_db()
    return {"import": import_id, "rows": run.file.row_count, ADDED_WORD: run.file.added_count}


def _require_approved_file(run: Run) -> None:
    """Raise Broken unless the file is, from its first byte to its last, the one that was
    approved.
    """
    digest = hashlib.sha256()
    for piece in storing.read_rows(run.file):
        digest.update(piece)
    if not digest.hexdigest() == run.file.digest == run.proposal.digest:
        raise Broken


def _work_through(run: Run, progress: jobs.Progress) -> None:
    seen = Seen()
    system_id, brought_at = run.file.processor.system_id, run.file.brought_at
    table = Table(storing.read_rows(run.file), system_id=system_id, at=brought_at)
    for rows in cut(table, ROWS_AT_ONCE):
        done = [row for row in rows if row.number <= run.file.done_count]
        judging.look_at_rows(done, seen=seen)
        if left := rows[len(done) :]:
            judged = judging.judge_rows(left, processor=run.file.processor, seen=seen)
            _add_batch(run, judged)
        progress(run.file.done_count, run.file.row_count)


def _add_batch(run: Run, judged: list[Judged]) -> None:
    """Add what is to be added of some rows, and count them as worked through."""
    first = run.file.done_count
    new = [each for each in judged if each.outcome is Outcome.NEW]
    counts = Counter(_add_others(run, judged))
    try:
        if not _insert_new(run, new, done=len(judged), added=counts[ADDED_WORD]):
            counts += Counter(_add_one(run, each) for each in new)
            run_in_transaction(
                partial(_move_on, run, first, done=len(judged), added=counts[ADDED_WORD])
            )
        else:
            counts[ADDED_WORD] += len(new)
    except imports.Moved:
        run.file.refresh_from_db()
        if run.file.done_count < first + len(judged):
            raise jobs.TakenAway from None  # another runner is at this very batch
        return
    run.counts += counts
    run.file.refresh_from_db()


def _move_on(run: Run, first: int, *, done: int, added: int) -> None:
    file = imports.lock_progress(run.file.pk, first=first)
    imports.keep_progress(file, done=done, added=added)


def _add_others(run: Run, judged: Iterable[Judged]) -> Iterator[str]:
    """Add, one by one, who isn't new: say of each row but the new ones what has come of it."""
    judged = list(judged)
    known = [each.row for each in judged if each.outcome is Outcome.KNOWN]
    answered = _find_answered(run, known)
    for each in judged:
        was_answered = each.outcome is Outcome.KNOWN and run.name_row(each.row) in answered
        if was_answered or each.outcome in {Outcome.ELSEWHERE, Outcome.REVIEW}:
            yield _add_one(run, each)
        elif each.outcome is not Outcome.NEW:
            yield each.outcome.value


def _find_answered(run: Run, rows: Sequence[Row]) -> set[str]:
    """Find which rows were added by this import, one by one, before it was cut off."""
    keys_of_rows = ReplayKey.objects.filter(
        processor=run.file.processor,
        operation=Operation.ADD_CUSTOMER,
        ref_id__in=[run.name_row(row) for row in rows],
    )
    return set(keys_of_rows.values_list("ref_id", flat=True))


def _add_one(run: Run, judged: Judged) -> str:
    """Add a customer as the API would, and say what came of it."""
    row = judged.row
    assert row.details
    try:
        receipt, _ = customers.add_customer(
            call=run.make_call(row), details=row.details, source=run.source
        )
    except Doubt:
        return Outcome.REVIEW.value
    except Unavailable:
        raise
    except Refusal:
        return Outcome.REFUSED.value
    if receipt.resp_code != customers.DONE_CODE:
        return Outcome.KNOWN.value
    if openings := list(_list_openings(run, row, receipt.unique_id)):
        run_in_transaction(partial(record_openings, run.proposal, openings))
    return ADDED_WORD


def _insert_new(run: Run, new: Sequence[Judged], *, done: int, added: int) -> bool:
    """Insert new customers, and count the batch as worked through, in one transaction. Return False
    where somebody else was first with anything of it: nothing of it is kept then.
    """
    for _ in range(MOST_TRIES):
        batch = _build(run, [each.row for each in new])
        work = partial(_insert, run, batch, done=done, added=added + len(new))
        try:
            run_in_transaction(work)
        except Collided:
            continue
        except IntegrityError:
            return False
        return True
    return False


@dataclass(frozen=True)
class Batch:
    """Rows of new customers, made before the transaction that inserts them."""

    at: datetime
    ids: bulk.Numbers
    customers: bulk.Rows
    audit: bulk.Rows
    openings: list[Opening]
    identified: list[tuple[str, str]]


def _build(run: Run, rows: Sequence[Row]) -> Batch:
    ids = bulk.take_ids(RESERVED_MODELS, len(rows)) if rows else range(0)
    records, at = customer_rows.Records(ids), clock.now()
    openings: list[Opening] = []
    # In their order: so an index grows in few places.
    unique_ids = sorted(draw_unique_id() for _ in rows)
    for unique_id, row in zip(unique_ids, rows, strict=True):
        assert row.details
        person = customer_rows.Person(records, unique_id)
        at_count = keys.make_plain(at)
        assert isinstance(at_count, int)
        person.add(run.make_call(row), row.details, at=at_count, source=run.source)
        person.close()
        openings += _list_openings(run, row, unique_id)
    identified = [each for row in rows if row.details for each in row.details.identifiers]
    return Batch(at, ids, records.rows, records.chains.rows, openings, identified)


def _insert(run: Run, batch: Batch, *, done: int, added: int) -> None:
    file = imports.lock_progress(run.file.pk, first=run.file.done_count)
    if batch.customers[Identifier]:
        if not bulk.are_free(batch.ids, RESERVED_MODELS):
            raise Collided
        # Copied: inserting changes them, and the transaction may run again.
        customer_rows.insert(_copy(batch.customers), are_reserved=True)
        audit.insert(_copy(batch.audit), are_reserved=True)
        _require_nobody_by_older_keys(batch)
        if batch.openings:
            record_openings(run.proposal, batch.openings)
    imports.keep_progress(file, done=done, added=added)


def _copy(rows: bulk.Rows) -> bulk.Rows:
    return {model: [row.copy() for row in of_model] for model, of_model in rows.items()}


def _require_nobody_by_older_keys(batch: Batch) -> None:
    """Raise Collided where somebody is found under an older key, as records.identify looks: after
    the insert, so that of two one waits.
    """
    _, *others = settings.PPIMS_DIGEST_KEYS
    older = [key for key in others if not key.is_next]
    digests = [keys.digest((key,), *each) for key in older for each in batch.identified]
    kinds = {kind for kind, _ in batch.identified}
    if digests and Identifier.objects.filter(kind__in=kinds, digest__in=digests).exists():
        raise Collided


def _list_openings(run: Run, row: Row, unique_id: int) -> Iterator[Opening]:
    """List what a row says was used before, as the ledger books it: by the months of when the file
    was brought, however late it is approved.
    """
    used, at = row.used, run.file.brought_at
    if used is None:
        return
    for direction, month_used, year_used in (
        (Direction.DEBIT, used.used_debit_month, used.used_debit_year),
        (Direction.CREDIT, used.used_credit_month, used.used_credit_year),
    ):
        split = split_usage(month_used=month_used or 0, year_used=year_used or 0, at=at)
        for month, paise in split:
            yield Opening(unique_id, month, direction.value, paise)


# Forgetting.


def forget_old_files(at: datetime) -> int:
    """Delete the files that are kept no longer, put that on record, and return how many. Of those
    whose customers were added, the rows themselves went at once.
    """
    files = list(imports.list_to_forget(at))
    for file in files:
        storing.remove_rows(file)
        storing.remove_refused(file)
        imports.forget(file_id=file.pk)
    kept = ImportFile.objects.filter(gone_at__isnull=True).values_list("stored_as", flat=True)
    storing.remove_strangers(set(kept), before=(at - imports.KEPT_FOR).timestamp())
    return len(files)

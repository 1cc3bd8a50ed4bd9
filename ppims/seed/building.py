"""Build batches of rows from stories. It asks the database for nothing, so that other processes can
do it: signing and digesting take more time than inserting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from customers.bulk import Person, Records
from customers.records import CustomerDetails
from limits.bulk import Book, Histories, Rulebook
from limits.models import LedgerEntry, LimitCheck
from limits.services.checks import Ask
from limits.services.updates import Report
from ppims.db.bulk import Rows
from ppims.models import Processor
from ppims.seed.story import Plan, Story
from ppims.services.idempotency import Call

CUSTOMERS_A_BATCH = 500


@dataclass(frozen=True)
class Job:
    """The customers of a batch, by number, and the ids that its rows may have."""

    numbers: range
    ids: range


@dataclass(frozen=True)
class Batch:
    """Rows to be inserted in one transaction."""

    job: Job
    customers: Rows
    audit: Rows
    ledger: Rows

    @property
    def ledger_rows(self) -> int:
        return len(self.ledger[LimitCheck]) + len(self.ledger[LedgerEntry])


class Builder:
    """Builds one batch after the other."""

    def __init__(self, plan: Plan, processors: Sequence[Processor], rules: Rulebook) -> None:
        self.plan, self.processors, self.rules = plan, processors, rules

    def build(self, job: Job) -> Batch:
        records, histories = Records(job.ids), Histories(self.rules, job.ids)
        for number in job.numbers:
            story = Story(self.plan, number, self.processors)
            writer = Writer(records, histories, story.unique_id)
            story.tell(writer)
            writer.close()
        return Batch(job, records.rows, records.chains.rows, histories.rows)


class Writer:
    """Keeps one person's story among the rows of a batch."""

    def __init__(self, records: Records, histories: Histories, unique_id: int) -> None:
        self.person = Person(records, unique_id)
        self.book = Book(histories, unique_id)

    def add(self, call: Call, details: CustomerDetails, *, at: int) -> None:
        self.person.add(call, details, at=at)
        self.book.cif_ids[call.processor.pk] = details.cif_id or ""
        self.book.tier, self.book.tier_since = self.person.tier, self.person.tier_since

    def raise_kyc(self, call: Call, details: CustomerDetails, *, at: int) -> None:
        self.person.raise_kyc(call, details, at=at)
        self.book.tier, self.book.tier_since = self.person.tier, self.person.tier_since

    def check(self, call: Call, ask: Ask, *, at: int) -> bool:
        return self.book.check(call, ask, at=at)

    def update(self, call: Call, report: Report, *, at: int) -> None:
        self.book.update(call, report, at=at)

    def close(self) -> None:
        self.person.close()
        self.book.close()

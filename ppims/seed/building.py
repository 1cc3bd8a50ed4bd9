"""Build batches of rows from stories. Nothing here asks the database, so other processes can do it:
signing and digesting take more time than inserting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from customers.bulk import Records
from limits.bulk import Histories, Rulebook
from limits.models import LedgerEntry, LimitCheck
from ppims.db.bulk import Rows
from ppims.models import Processor
from ppims.seed.story import Plan, Story
from ppims.seed.writer import Writer

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

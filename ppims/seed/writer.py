"""Turn what a story tells of one person into rows."""

from customers.bulk import Person, Records
from customers.details import CustomerDetails
from limits.bulk import Book, Histories
from limits.known import Ask, Report
from ppims.services.idempotency import Call


class Writer:
    """Keeps one person's story among the rows of a batch. It is told in the order of time; `at` is
    microseconds.
    """

    def __init__(self, records: Records, histories: Histories, unique_id: int) -> None:
        self.person = Person(records, unique_id)
        self.book = Book(histories, unique_id)

    def add(self, call: Call, details: CustomerDetails, *, at: int) -> None:
        self.person.add(call, details, at=at)
        self.book.cif_ids[call.processor.pk] = details.cif_id or ""
        self._keep_tier()

    def raise_kyc(self, call: Call, details: CustomerDetails, *, at: int) -> None:
        self.person.raise_kyc(call, details, at=at)
        self._keep_tier()

    def check(self, call: Call, ask: Ask, *, at: int) -> bool:
        return self.book.check(call, ask, at=at)

    def update(self, call: Call, report: Report, *, at: int) -> None:
        self.book.update(call, report, at=at)

    def close(self) -> None:
        self.person.close()
        self.book.close()

    def _keep_tier(self) -> None:
        """Let the limits follow the tier that the person has from now on."""
        self.book.tier, self.book.tier_since = self.person.tier, self.person.tier_since

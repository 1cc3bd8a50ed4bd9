"""Write the stories of made-up people into the database, batch by batch, going on where it stopped.

Customer by customer, in the order of their Unique_Ids: so each index grows at its end, and a
million are written as fast as a thousand. What is lost: ids ascend with time for each customer, but
not over all of them.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from customers.bulk import Person, Records
from customers.models import Registration
from customers.people import Told
from limits.bulk import Book, Histories, Rulebook
from limits.services.checks import Ask
from limits.services.updates import Report
from ppims import audit, clock, demo
from ppims.models import AuditEntry, Operation, Processor, ReplayKey
from ppims.replay import Call
from ppims.seed.story import ADD_REF, Plan, Story
from ppims.transact import in_transaction

CUSTOMERS_A_BATCH = 500
SYSTEM_IDS = ("SEED1", "SEED2")
BEGUN = "made-up data begun"


class NotHere(Exception):
    """This installation holds what does not go together with the plan; the message says what."""


@dataclass(frozen=True)
class Written:
    """How many customers there are now of the plan, and how many ledger rows the batch had."""

    customers: int
    ledger_rows: int


def begun() -> Plan | None:
    """Tell by which plan made-up data were begun here."""
    first = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=BEGUN).first()
    return Plan(**json.loads(first.detail)) if first else None


def begin(plan: Plan) -> None:
    """Make ready to write: the two processors, and the plan kept as an audit entry. Raises
    NotHere.
    """
    before = begun()
    if before not in {None, plan}:
        raise NotHere(f"Made-up data were begun here otherwise: {before}.")
    own = [*SYSTEM_IDS, *demo.PASSWORDS]
    if before is None and Registration.objects.exclude(processor__system_id__in=own).exists():
        raise NotHere("There are customers here who are not made up.")
    _make_processors()
    if before is None:
        in_transaction(lambda: audit.record(BEGUN, at=clock.now(), detail=asdict(plan)))


def customers_written() -> int:
    """Tell how many of the plan's customers there are: the highest number among their adds."""
    keys = ReplayKey.objects.filter(
        processor__system_id__in=SYSTEM_IDS,
        operation=Operation.ADD_CUSTOMER,
        ref_id__range=(f"{ADD_REF}0", f"{ADD_REF}9999999999"),
    )
    last = keys.order_by("ref_id").values_list("ref_id", flat=True).last()
    return int(last.removeprefix(ADD_REF)) + 1 if last else 0


def write(plan: Plan) -> Iterator[Written]:
    """Write what is not yet written of the plan, each batch a transaction of its own."""
    processors = list(Processor.objects.filter(system_id__in=SYSTEM_IDS).order_by("system_id"))
    rules = Rulebook()
    first = customers_written()
    while first < plan.customers:
        numbers = range(first, min(first + CUSTOMERS_A_BATCH, plan.customers))
        rows = in_transaction(partial(_write_batch, plan, numbers, processors, rules))
        first = numbers.stop
        yield Written(first, rows)


def _write_batch(
    plan: Plan, numbers: Iterable[int], processors: list[Processor], rules: Rulebook
) -> int:
    records, histories = Records(), Histories(rules)
    for number in numbers:
        story = Story(plan, number, processors)
        teller = Writer(records, histories, story.unique_id)
        story.tell(teller)
        teller.book.close()
    records.insert()
    histories.insert()
    return len(histories.checks) + len(histories.entries)


class Writer:
    """Keeps one person's story among the rows of a batch."""

    def __init__(self, records: Records, histories: Histories, unique_id: int) -> None:
        self.records, self.unique_id = records, unique_id
        self.book = Book(histories, unique_id)
        self.person: Person | None = None

    def add(self, call: Call, told: Told, *, at: int) -> None:
        if self.person is None:
            self.person = Person(self.records, self.unique_id, told, at=at)
        self.person.add(call, told, at=at)
        self.book.cif_ids[call.processor.pk] = told.cif_id or ""
        self.book.tier, self.book.tier_since = self.person.tier, self.person.tier_since

    def rise(self, call: Call, told: Told, *, at: int) -> None:
        assert self.person
        self.person.rise(call, told, at=at)
        self.book.tier, self.book.tier_since = self.person.tier, self.person.tier_since

    def check(self, call: Call, ask: Ask, *, at: int) -> bool:
        return self.book.check(call, ask, at=at)

    def update(self, call: Call, report: Report, *, at: int) -> None:
        self.book.update(call, report, at=at)


def _make_processors() -> None:
    """Make the processors with the passwords of seed.json (0600), made first: whatever stops in
    between, the file is right in the end.
    """
    path = Path(settings.PPIMS_DATA_DIR) / "seed.json"
    if not path.exists():
        access = [
            {"system_id": name, "username": f"PPIM_{name}", "password": secrets.token_urlsafe(18)}
            for name in SYSTEM_IDS
        ]
        demo.write_private(path, {"processors": access})
    for access in json.loads(path.read_text())["processors"]:
        there = Processor.objects.filter(system_id=access["system_id"]).first()
        if there and check_password(access["password"], there.password):
            continue
        Processor.objects.update_or_create(
            system_id=access["system_id"],
            defaults={
                "name": f"Made-up data, {access['system_id']}",
                "username": access["username"],
                "password": make_password(access["password"]),
            },
        )

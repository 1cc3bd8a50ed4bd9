"""Write the stories of made-up people into the database, batch by batch, going on where it stopped.

Customer by customer, in the order of their Unique_Ids: so each index grows at its end, and a
lakh is written as fast as a thousand. What is lost: ids ascend with time for each customer, but
not over all of them.
"""

import json
import secrets
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

import customers.bulk
import limits.bulk
from customers.models import Registration
from limits.bulk import Rulebook
from limits.models import LedgerEntry, LimitCheck
from ppims.core import clock
from ppims.core.private_files import write_private
from ppims.core.process_pool import run_jobs
from ppims.db import bulk
from ppims.db.transaction import run_in_transaction
from ppims.demo import load
from ppims.models import AuditEntry, Operation, Processor, ReplayKey
from ppims.seed.building import CUSTOMERS_A_BATCH, Batch, Builder, Job
from ppims.seed.story import ADD_REF, Plan
from ppims.services import audit

SYSTEM_IDS = ("SEED1", "SEED2")
BEGUN_ACTION = "made-up data begun"
MANY_CUSTOMERS, LARGE_PART = 20_000, 0.2
NUMBERED_MODELS = (*customers.bulk.NUMBERED_MODELS, LimitCheck, LedgerEntry, AuditEntry)


class NotHere(Exception):
    """Made-up data can't be written here, or not now; the message says why."""


@dataclass(frozen=True)
class Written:
    """How many of the plan's customers there are now, and how many checks and entries came with
    the last of them.
    """

    customers: int
    ledger_rows: int


def find_begun_plan() -> Plan | None:
    """Find the plan by which made-up data were begun here."""
    first = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=BEGUN_ACTION).first()
    return Plan(**json.loads(first.detail)) if first else None


def begin(plan: Plan) -> None:
    """Make ready to write: the two processors, and the plan kept as an audit entry. Raises
    NotHere.
    """
    before = find_begun_plan()
    if before not in {None, plan}:
        raise NotHere(f"Made-up data were begun here otherwise: {before}.")
    own = [*SYSTEM_IDS, *load.PASSWORDS]
    if before is None and Registration.objects.exclude(processor__system_id__in=own).exists():
        raise NotHere("There are customers here who are not made up.")
    _make_processors()
    if before is None:
        run_in_transaction(lambda: audit.record(BEGUN_ACTION, at=clock.now(), detail=asdict(plan)))


def count_customers_written() -> int:
    """Count the plan's customers that are there, by the highest number among their adds."""
    keys = ReplayKey.objects.filter(
        processor__system_id__in=SYSTEM_IDS,
        operation=Operation.ADD_CUSTOMER,
        ref_id__range=(f"{ADD_REF}0", f"{ADD_REF}99999999"),
    )
    last = keys.order_by("ref_id").values_list("ref_id", flat=True).last()
    return int(last.removeprefix(ADD_REF)) + 1 if last else 0


def write(plan: Plan, *, processes: int = 0) -> Generator[Written, None, None]:
    """Write what is not yet written of the plan, each batch a transaction of its own, built by so
    many processes beside this one (0: by this one). Raises NotHere.
    """
    processors = list(Processor.objects.filter(system_id__in=SYSTEM_IDS).order_by("system_id"))
    builder = Builder(plan, processors, Rulebook())
    put_off = bulk.defer_time_indexes() if _is_much(plan) else nullcontext()
    with put_off, run_jobs(builder.build, _list_jobs(plan), processes=processes) as batches:
        for batch in batches:
            run_in_transaction(partial(_insert, batch))
            yield Written(batch.job.numbers.stop, batch.ledger_rows)


def _is_much(plan: Plan) -> bool:
    """Does it take less time to make the indexes by time anew, over all, than to keep them?"""
    there = count_customers_written()
    to_write = plan.customers - there
    return to_write >= MANY_CUSTOMERS and to_write >= there * LARGE_PART


def _list_jobs(plan: Plan) -> Iterator[Job]:
    """Cut what is not yet written into batches; each has the next whole block of ids, the same one
    whether or not it was stopped before.
    """
    block = CUSTOMERS_A_BATCH * plan.ids_a_customer
    first_id = (bulk.find_highest_id(*NUMBERED_MODELS) // block + 1) * block
    for first in range(count_customers_written(), plan.customers, CUSTOMERS_A_BATCH):
        numbers = range(first, min(first + CUSTOMERS_A_BATCH, plan.customers))
        yield Job(numbers, range(first_id, first_id + block))
        first_id += block


def _insert(batch: Batch) -> None:
    # The batch was built with these ids, in another process: who took one meanwhile would collide.
    if bulk.find_highest_id(*NUMBERED_MODELS) >= batch.job.ids.start:
        raise NotHere("Others have written here at the same time: start it again.")
    customers.bulk.insert(batch.customers)
    audit.insert(batch.audit)
    limits.bulk.insert(batch.ledger)


def _make_processors() -> None:
    """Make the processors with the passwords of seed.json (0600), made first: whatever stops in
    between, the file is right in the end.
    """
    path: Path = settings.PPIMS_DATA_DIR / "seed.json"
    if not path.exists():
        made = [
            {"system_id": name, "username": f"PPIM_{name}", "password": secrets.token_urlsafe(18)}
            for name in SYSTEM_IDS
        ]
        write_private(path, json.dumps({"processors": made}, indent=2))
    for access in json.loads(path.read_text("utf-8"))["processors"]:
        there = Processor.objects.filter(system_id=access["system_id"]).first()
        if there and check_password(access["password"], there.password):
            continue
        Processor.objects.update_or_create(
            system_id=access["system_id"],
            defaults={
                "name": f"Made-up data, {access['system_id']}",
                "username": access["username"],
                "password": make_password(access["password"]),
                "password_at": clock.now(),
            },
        )

"""What the bench does inside an installation, each command in a process of its own."""

import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgpack
from django.conf import settings
from django.db import connection, transaction

from customers.models import Account, Receipt
from customers.schemas import AddCustomerIn, read_details
from customers.services import customers as people
from limits.models import LedgerEntry, LimitCheck
from limits.schemas import CheckLimitIn, UpdateLimitIn
from limits.services import checks, updates
from ppims.models import Operation, Processor, ReplayKey
from ppims.seed.writing import SYSTEM_IDS
from ppims.services.idempotency import Call
from tests.bench.page_list import list_pages

Statement = tuple[str, Any]  # as Python's sqlite3 takes it
PLACEHOLDER = re.compile("(?<!%)%s")  # as Django's own backend finds them
TRANSACTION_WORDS = ("SAVEPOINT", "RELEASE", "ROLLBACK")
WRITE_KINDS = {
    "A": (Operation.ADD_CUSTOMER, Receipt),
    "M": (Operation.UPDATE_CUSTOMER, Receipt),
    "C": (Operation.CHECK_LIMIT, LimitCheck),
    "U": (Operation.UPDATE_LIMIT, LedgerEntry),
}
REFS_A_QUERY = 500
HIGH_RATE = 20_000  # requests a second: more than are ever made here


def write_customers(path: str, most: str) -> None:
    """Write a file of the processors with their log-ins, then of customers drawn at random, each
    with its processor, Unique_Id, mobile number and account: requests are about these.
    """
    accesses = json.loads((settings.PPIMS_DATA_DIR / "seed.json").read_text())["processors"]
    numbers = {access["system_id"]: i for i, access in enumerate(accesses, start=1)}
    lines = [
        f"processor {numbers[a['system_id']]} {a['system_id']} {a['username']} {a['password']}"
        for a in accesses
    ]
    known = Account.objects.filter(
        processor__system_id__in=numbers, status="A", customer__status="ACTIVE"
    ).values_list("processor__system_id", "customer_id", "customer__mobile", "number")
    drawn: dict[int, str] = {}
    draw = random.Random(1)  # the same people each time
    for place, (system_id, customer, mobile, number) in enumerate(known.iterator()):
        slot = place if place < int(most) else draw.randrange(place + 1)
        if slot < int(most):
            drawn[slot] = f"customer {numbers[system_id]} {customer} {mobile} {number}"
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        people = list(drawn.values())
        draw.shuffle(people)  # neighbours would be found in pages that are at hand
        file.writelines(f"{line}\n" for line in (*lines, *people))


def record_statements(path: str, sample: str, times: str, first: str) -> None:
    """Write a file of the statements that so many checks, the updates that settle them, and adds
    make; they are rolled back.
    """
    asked = list(islice(_pick_customers(sample), int(times)))
    numbers = count(int(first))
    refs = [f"BC{next(numbers)}" for _ in asked]
    with transaction.atomic():
        found = {
            "check-customer-limit": [
                _collect_statements(partial(_check_limit, about, ref))
                for about, ref in zip(asked, refs, strict=True)
            ],
            "update-customer-limit": [
                _collect_statements(partial(_update_limit, about, ref, next(numbers)))
                for about, ref in zip(asked, refs, strict=True)
            ],
            "add-customer": [
                _collect_statements(partial(_add_customer, about, next(numbers))) for about in asked
            ],
        }
        transaction.set_rollback(True)
    Path(path).write_bytes(msgpack.packb(found))


def find_lost(path: str) -> None:
    """Find the Ref_Ids that were answered with 000 and have no row here."""
    processors = dict(Processor.objects.values_list("system_id", "pk"))
    by_number = [processors[name] for name in SYSTEM_IDS]
    lost = []
    refs: dict[str, list[str]] = {kind: [] for kind in WRITE_KINDS}
    for line in Path(path).read_text().split():
        refs[line[1]].append(line)
    for kind, (operation, model) in WRITE_KINDS.items():
        for batch in _split_batches(refs[kind]):
            rows = dict(
                ReplayKey.objects.filter(
                    processor_id__in=by_number, operation=operation, ref_id__in=batch
                ).values_list("ref_id", "row_id")
            )
            there = set(
                model._default_manager.filter(pk__in=rows.values()).values_list("pk", flat=True)
            )
            lost += [ref for ref in batch if rows.get(ref) not in there]
    print(json.dumps({"acknowledged": sum(map(len, refs.values())), "lost": lost}))


def measure_size() -> None:
    """Measure the bytes of a database on PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT pg_database_size(current_database())")
        print(cursor.fetchone()[0])


def _pick_customers(sample: str) -> Iterator[tuple[Processor, str, str]]:
    """Yield (processor, Unique_Id, account) of the sample, no customer twice: a loop may stop
    before a customer's second check, and the update's row then wouldn't fit its ledger head.
    """
    processors = [Processor.objects.get(system_id=name) for name in SYSTEM_IDS]
    seen = set()
    with open(sample) as file:
        for line in file:
            kind, number, unique_id, _, account = line.split(" ")
            if kind == "customer" and unique_id not in seen:
                seen.add(unique_id)
                yield processors[int(number) - 1], unique_id, account.strip()


def _check_limit(about: tuple[Processor, str, str], ref: str) -> None:
    processor, unique_id, account = about
    message = CheckLimitIn.model_validate(
        {
            "Ref_Id": ref,
            "System_Id": processor.system_id,
            "Unique_Id": unique_id,
            "Amount": "1.00",
            "Tran_Type": "D",
            "Account_Number": account,
            "Avail_Bal": "5000.00",
        }
    )
    call = Call(processor, Operation.CHECK_LIMIT, ref, message.make_content())
    checks.check_limit(call=call, ask=message.ask())


def _update_limit(about: tuple[Processor, str, str], check: str, number: int) -> None:
    processor, unique_id, _ = about
    message = UpdateLimitIn.model_validate(
        {
            "Ref_Id": f"BU{number}",
            "System_Id": processor.system_id,
            "Unique_Id": unique_id,
            "Amount": "1.00",
            "Tran_Type": "D",
            "Tran_Status": "S",
            "Avail_Bal": "4999.00",
            "Tran_Id": f"T{number}",
            "Enquiry_Ref_Id": check,
        }
    )
    call = Call(processor, Operation.UPDATE_LIMIT, message.ref_id, message.make_content())
    updates.update_limit(call=call, report=message.make_report())


def _add_customer(about: tuple[Processor, str, str], number: int) -> None:
    processor, digits = about[0], f"{number:012d}"
    message = AddCustomerIn.model_validate(
        {
            "Ref_Id": f"BA{number}",
            "System_Id": processor.system_id,
            "Unique_Id": "NA",
            "Customer_Id": digits,
            "Customer_Name": "Rohan Deshpande",
            "Mobile_Number": str(917_000_000_000 + number),
            "Date_Of_Birth": "21-08-1994",
            "Email_Id": f"r{number}@example.in",
            "Address_Line1": "Flat 4, Sai Krupa",
            "City": "Pune",
            "State": "Maharashtra",
            "Pincode": "411038",
            "Account_Number": digits,
            "Account_Status": "A",
            "Card_Number": f"6077{digits}",
            "Card_Status": "A",
            "KYC_Flag": "N",
            "KYC_Updated_Channel": "PGO",
            "KYC_Updated_On": "23-11-2025 10:15:00",
            "Ovid_Type": "ADR",
            "Ovid_Value": f"7{number:011d}",
            "Cif_Id": f"B{number}",
            "Customer_Type": "N",
            "Ppi_Type": "SC",
            "NRI_Flag": "N",
        }
    )
    call = Call(processor, Operation.ADD_CUSTOMER, message.ref_id, message.make_content())
    people.add_customer(call=call, details=read_details(message))


def _collect_statements(work: Callable[[], None]) -> list[Statement]:
    """Collect the statements that some work makes, without those around a transaction."""
    found: list[Statement] = []

    def collect(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(TRANSACTION_WORDS):
            rows = parameters if many else [parameters]
            found.extend(_convert_statement(sql, row) for row in rows)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(collect):
        work()
    assert any(sql.lstrip().startswith("INSERT") for sql, _ in found), "no insert was seen"
    return found


def _convert_statement(sql: str, values: Any) -> Statement:
    if values is None:
        return sql, []
    if isinstance(values, dict):
        names = {name: f":{name}" for name in values}
        return sql % names, {name: _convert_value(value) for name, value in values.items()}
    places = PLACEHOLDER.sub("?", sql).replace("%%", "%")
    return places, [_convert_value(value) for value in values]


def _convert_value(value: Any) -> Any:
    """Convert a value as Django's own adapters do."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value


def _split_batches(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(refs), REFS_A_QUERY):
        yield refs[start : start + REFS_A_QUERY]


def bound_processors() -> None:
    """Give each processor networks and a rate that let through all that the bench asks."""
    count = Processor.objects.update(
        networks="10.0.0.0/8 127.0.0.0/8 192.0.2.0/24 ::1/128",
        requests_per_second=HIGH_RATE,
    )
    print(json.dumps(count))


INSIDE_COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (
        *(write_customers, record_statements, find_lost, measure_size, list_pages),
        bound_processors,
    )
}


def main() -> None:
    """Run the command that the arguments name; it prints what it finds as JSON."""
    INSIDE_COMMANDS[sys.argv[1]](*sys.argv[2:])

"""What rows that a group has read make known."""

from collections.abc import Iterable
from typing import Any

from customers.choices import USABLE_STATUSES
from customers.models import Customer
from limits.known import (
    CREDIT_DIRECTION,
    DEBIT_DIRECTION,
    Check,
    Hold,
    HoldPlace,
    Known,
    Person,
    Posting,
)
from limits.stores.store import Found

Rows = Iterable[tuple[Any, ...]]
CHECK_COLUMNS = len(Check._fields)


def take_people(known: Known, rows: Rows) -> set[int]:
    """Take who they are. Gives whom merges ever connected with others."""
    merged = set()
    for customer_id, tier, since, status, processor_id, cif_id, survivor_id in rows:
        is_blocked = status == Customer.Status.BLOCKED
        known.people[customer_id] = Person(tier, since, is_blocked)
        if processor_id is not None:
            known.cif_ids[customer_id, processor_id] = cif_id
        if survivor_id is not None:
            merged.add(customer_id)
    return merged


def take_usage(known: Known, rows: Rows) -> None:
    for customer_id, month, debit, credit in rows:
        used = known.used.setdefault(customer_id, {})
        used[month, DEBIT_DIRECTION], used[month, CREDIT_DIRECTION] = debit, credit


def take_holds(known: Known, rows: Rows) -> None:
    for customer_id, *place, paise in rows:
        known.holds.setdefault(customer_id, {})[HoldPlace(*place)] = paise


def take_named(known: Known, found: Found) -> None:
    """Take what requests name by themselves: accounts, cards, Tran_Ids."""
    take_accounts(known, found.get("accounts", ()))
    for customer_id, processor_id, digest, status in found.get("cards", ()):
        known.cards[customer_id, processor_id, bytes(digest)] = status in USABLE_STATUSES
    for unique_id, processor_id, tran_id, direction, *posting in found.get("posted", ()):
        known.posted[unique_id, processor_id, tran_id, direction] = Posting(*posting)


def take_accounts(known: Known, rows: Rows) -> None:
    for customer_id, processor_id, number, status in rows:
        known.accounts[customer_id, processor_id, number] = status in USABLE_STATUSES


def take_checks(known: Known, rows: Rows) -> None:
    for row in rows:
        check = Check(*row[:CHECK_COLUMNS])
        settled_by, status, held_paise, *place = row[CHECK_COLUMNS:]
        known.checks[check.id] = check
        if settled_by is not None:
            known.settled.add(check.id)
        if status is not None:
            account = check.customer_id, check.processor_id, check.account_number
            known.accounts[account] = status in USABLE_STATUSES
        if held_paise is not None:
            known.named_holds[check.id] = Hold(check.customer_id, HoldPlace(*place), held_paise)

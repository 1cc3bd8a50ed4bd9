"""What rules, reads and pages ask of the database alike: which limit rules are in force, who a
mobile number or document is, and what is left of a posting.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Sum
from django.db.models.functions import Abs

from customers import people, records, survivors
from customers.models import Identifier
from limits.decision import PLACE_COLUMNS, Rule, pick_in_force
from limits.models import LedgerEntry, LimitRule
from ppims.db import nodes, shared_snapshot, statements
from ppims.db.transaction import read_snapshot
from ppims.models import Processor

RULE_ROWS = statements.Table(
    LimitRule, only=("id", "tier", "direction", "window", "amount", "in_force_from")
)
RULES_OF_WAY = statements.Table(LimitRule, only=("id", "window", "amount", "in_force_from"))
APPROVED_RULES = RULE_ROWS.write_select("WHERE t.state = 'APPROVED' ORDER BY t.in_force_from, t.id")
APPROVED_RULES_OF_WAY = RULES_OF_WAY.write_select("""
    WHERE t.state = 'APPROVED' AND t.tier = %s AND t.direction = %s
    ORDER BY t.in_force_from, t.id
""")
EVERY_ID = 2**63 - 1
NEXT_CUSTOMERS = """
    SELECT unique_id FROM customers_customer WHERE unique_id > %s
    ORDER BY unique_id LIMIT 1 OFFSET %s
"""
# COALESCE keeps SQLite's driver from asking Django what an instant is.
FIND_CUSTOMER = """
    SELECT c.unique_id, c.tier, c.kyc_updated_channel, COALESCE(c.kyc_updated_on, NULL),
           r.cif_id, COALESCE(h.last_at, NULL), c.survivor_id
    FROM customers_customer c {join}
    LEFT JOIN customers_registration r ON r.customer_id = c.unique_id AND r.processor_id = %s
    LEFT JOIN limits_ledgerhead h ON h.customer_id = c.unique_id
    WHERE {condition}
"""
BY_IDENTIFIER = FIND_CUSTOMER.format(
    join="JOIN customers_identifier i ON i.customer_id = c.unique_id",
    condition="i.kind = %s AND i.digest = %s",
)
BY_UNIQUE_ID = FIND_CUSTOMER.format(join="", condition="c.unique_id = %s")


class Found(NamedTuple):
    """A customer, with the Cif_Id that the asking processor has given, and the last instant in the
    ledger, or None for either.
    """

    unique_id: int
    tier: str
    kyc_updated_channel: str
    kyc_updated_on: datetime | None
    cif_id: str | None
    last_at: datetime | None


def find_rules(tier: str, direction: str, at: datetime) -> list[Rule]:
    """Find the limits in force for a tier and direction; a rule without an amount is no limit."""
    rows = shared_snapshot.read_rows(APPROVED_RULES_OF_WAY, (tier, direction))
    return [
        Rule(rule_id, window, amount)
        for rule_id, window, amount, _ in pick_in_force(rows, statements.store_value(at))
        if amount is not None
    ]


def list_in_force(at: datetime) -> list[LimitRule]:
    """List all rules in force; one without an amount too: it says that there is no limit."""
    [found] = list_in_force_at([at])
    return found


def list_in_force_at(instants: Iterable[datetime]) -> list[list[LimitRule]]:
    """List the rules in force at each instant, as list_in_force does, by one statement."""
    rows = statements.read_rows(APPROVED_RULES, ())
    return [
        [RULE_ROWS.make_model(row) for row in pick_in_force(rows, statements.store_value(at))]
        for at in instants
    ]


def list_rule_starts() -> list[datetime]:
    """List the instants at which another rule comes into force, the first one first."""
    starts = {statements.read_instant(row[-1]) for row in statements.read_rows(APPROVED_RULES, ())}
    return sorted(start for start in starts if start)


def find_rule_before(rule: LimitRule, at: datetime) -> LimitRule | None:
    """Find the rule in force whose place a proposed one would take; None: there is none."""
    return find_rules_before([rule], at)[rule.pk]


def find_rules_before(rules: Iterable[LimitRule], at: datetime) -> dict[int, LimitRule | None]:
    """Find by their keys what is in force in the places of some rules, without all of them: what
    they would take the place of, or have taken.
    """
    new = {rule.pk: (rule.tier, rule.direction, rule.window) for rule in rules}
    rows = [row for row in statements.read_rows(APPROVED_RULES, ()) if row[0] not in new]
    in_force = pick_in_force(rows, statements.store_value(at))
    found = {row[PLACE_COLUMNS]: RULE_ROWS.make_model(row) for row in in_force}
    return {pk: found.get(place) for pk, place in new.items()}


def list_customer_spans(customers_at_once: int) -> Iterator[tuple[int, int]]:
    """List spans of so many customers each, (after one id, up to another), for who walks through
    all of them: a snapshot each, so that none grows old.
    """
    after = -EVERY_ID
    while after < EVERY_ID:
        with read_snapshot():
            row = statements.read_row(NEXT_CUSTOMERS, (after, customers_at_once - 1))
        upto = row[0] if row else EVERY_ID
        yield after, upto
        after = upto


def find_customer(processor: Processor, kind: str, value: str) -> Found | None:
    """Find a customer of any processor by mobile number or document."""
    if nodes.are_many():  # what finds a customer stands on another machine than the customer
        holder = records.find_holder(kind, value)
        row = statements.read_row(BY_UNIQUE_ID, [processor.pk, holder]) if holder else None
    else:
        asked = ([processor.pk, kind, digest] for digest in Identifier.list_digests(kind, value))
        rows = (statements.read_row(BY_IDENTIFIER, values) for values in asked)
        row = next((each for each in rows if each), None)
    if row is None:
        return None
    *found, survivor_id = row
    return _make_found(found) if survivor_id is None else _find_survivor(processor, found[0])


def _find_survivor(processor: Processor, unique_id: int) -> Found | None:
    """Find whom an id means now that was part of a merge."""
    family = survivors.find_family(unique_id)
    row = statements.read_row(BY_UNIQUE_ID, [processor.pk, family.root])
    registration = people.find_registration_in_family(processor, unique_id, family)
    if survivors.find_root(unique_id) != family.root:
        return _find_survivor(processor, unique_id)  # merged or parted meanwhile
    if row is None:
        return None
    return _make_found(row[:-1])._replace(cif_id=registration.cif_id if registration else None)


def _make_found(row: Sequence[Any]) -> Found:
    unique_id, tier, channel, updated_on, cif_id, last_at = row
    return Found(
        unique_id,
        tier,
        channel,
        statements.read_instant(updated_on),
        cif_id,
        statements.read_instant(last_at),
    )


def sum_given_back(postings: Iterable[LedgerEntry]) -> dict[int, int]:
    """Sum what reversals, and corrections that name them, gave back of postings: paise by key."""
    found = list(postings)
    giving_back = LedgerEntry.objects.filter(
        customer_id__in=survivors.list_all_kin(each.customer_id for each in found),
        month__in={each.month for each in found},
        reverses_id__in=[each.pk for each in found],
    )
    sums = giving_back.order_by().values("reverses_id").annotate(paise=Sum(Abs("amount_paise")))
    return dict(sums.values_list("reverses_id", "paise"))

"""Judge rows of a file as add_customer would, many at once: who of them is new, who is known and
who may be somebody else. Nothing is changed by it.

customers/services/customers.py decides when a customer is really added; what it would ask of one
row by some statements is asked here of a batch by a few.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from customers import conflicts, people, survivors
from customers.choices import MOBILE_KIND
from customers.claims import has_found_same_person
from customers.details import CustomerDetails
from customers.imports.reading import Errors, Row
from customers.models import Customer, Document, Identifier, Registration
from ppims.core.errors import Malformed
from ppims.models import Processor
from ppims.wire.envelope import spell_wire_name

Holders = dict[tuple[str, str], int]


class Outcome(StrEnum):
    """What an import does with a row."""

    NEW = "new"  # added as a new customer
    ELSEWHERE = "elsewhere"  # registered through this processor: others know the customer
    KNOWN = "known"  # nothing: this processor knows the customer
    REVIEW = "review"  # staff are asked who it is
    REFUSED = "refused"


@dataclass
class Judged:
    """A row, and what an import would do with it; of a refused one also why."""

    row: Row
    outcome: Outcome
    errors: Errors = field(default_factory=list)


@dataclass(frozen=True)
class Person:
    """Whom a mobile number or a document has found: all ids that mean this one now, the customers
    on the way from the one that was found to this one, and by which kinds documents are on record.
    """

    ids: Sequence[int]
    way: Sequence[Customer]
    document_kinds: frozenset[str]


class Seen:
    """What rows of the file before had, so that nobody comes in it twice: by hashes, for a file of
    lakhs of rows. A hash is of this process alone, and of 64 bits: no two texts meet in one.
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def list_repeats(self, row: Row) -> Errors:
        """List what an earlier row has too; remember the row unless there is any."""
        assert row.details
        named = [(name, hash(value)) for name, value in _list_unique(row.details)]
        errors = [
            (name, f"is in row {self._rows[value]} already")
            for name, value in named
            if value in self._rows
        ]
        if not errors:
            self._rows.update((value, row.number) for _, value in named)
        return errors


def judge_rows(rows: Iterable[Row], *, processor: Processor, seen: Seen) -> list[Judged]:
    """Judge a batch of rows, in their order: so many statements, however many rows it has."""
    judged = [_judge_alone(row, seen) for row in rows]
    wanted = [each for each in judged if each.outcome is not Outcome.REFUSED]
    holders = _find_holders(each.row.details for each in wanted if each.row.details)
    persons = _read_persons(set(holders.values()))
    registered = _find_registered(processor, persons.values())
    for each in wanted:
        assert each.row.details
        each.outcome = _judge(each.row.details, holders, persons, registered)
    return judged


def look_at_rows(rows: Iterable[Row], *, seen: Seen) -> None:
    """Remember rows that were worked through before, as judging them would."""
    for row in rows:
        _judge_alone(row, seen)


def count_outcomes(judged: Iterable[Judged]) -> Counter[Outcome]:
    return Counter(each.outcome for each in judged)


def _judge_alone(row: Row, seen: Seen) -> Judged:
    """Judge what the row itself and the rows before it show."""
    if row.details is None:
        return Judged(row, Outcome.REFUSED, row.errors)
    try:
        conflicts.require_valid_document(row.details)
    except Malformed as refusal:
        errors = [(spell_wire_name(name), message) for name, message in refusal.errors]
        return Judged(row, Outcome.REFUSED, errors)
    if repeats := seen.list_repeats(row):
        return Judged(row, Outcome.REFUSED, repeats)
    return Judged(row, Outcome.NEW)


def _list_unique(details: CustomerDetails) -> list[tuple[str, tuple[str, str | None]]]:
    """List what no two rows may share: by the column's name, a kind and a value."""
    found = [
        ("Mobile_Number", (MOBILE_KIND, details.mobile_number)),
        ("Account_Number", ("account", details.account_number)),
    ]
    if details.document:
        found.append(("Ovid_Value", details.document))
    if details.card_number:
        found.append(("Card_Number", ("card", details.card_number)))
    return found


def _judge(
    details: CustomerDetails,
    holders: Holders,
    persons: dict[int, Person],
    registered: set[int],
) -> Outcome:
    by_mobile = holders.get((MOBILE_KIND, details.mobile_number or ""))
    by_document = holders.get(details.document) if details.document else None
    holder = by_document or by_mobile
    if holder is None:
        return Outcome.NEW
    person = persons[holder]
    if by_document is None and _is_doubtful(details, person):
        return Outcome.REVIEW
    if by_mobile and by_mobile not in person.ids:
        return Outcome.REVIEW
    return Outcome.KNOWN if registered.intersection(person.ids) else Outcome.ELSEWHERE


def _is_doubtful(details: CustomerDetails, person: Person) -> bool:
    """Whether conflicts.is_doubtful says so, with what was read of all rows together."""
    other_document = details.document and details.document[0] in person.document_kinds
    if details.date_of_birth in {each.date_of_birth for each in person.way} and not other_document:
        return False
    return not has_found_same_person(details, person.ids)


def _find_holders(said: Iterable[CustomerDetails]) -> Holders:
    """Find who has each mobile number and document, as records.find_holder does."""
    asked: dict[tuple[str, bytes], tuple[int, tuple[str, str]]] = {}
    for details in said:
        for kind, value in details.identifiers:
            for rank, digest in enumerate(Identifier.list_digests(kind, value)):
                asked[kind, digest] = (rank, (kind, value))
    rows = Identifier.objects.filter(
        kind__in={kind for kind, _ in asked}, digest__in=[digest for _, digest in asked]
    ).values_list("kind", "digest", "customer_id")
    found = [
        (*asked[kind, bytes(digest)], owner)
        for kind, digest, owner in rows
        if (kind, bytes(digest)) in asked
    ]
    # The first key's comes last, and stays.
    return {named: owner for _, named, owner in sorted(found, reverse=True)}


def _read_persons(found: set[int]) -> dict[int, Person]:
    """Read the person whom each of these ids means now."""
    customers = Customer.objects.in_bulk(found)
    families = {
        pk: (people.list_ids(customer), _read_way(customer)) for pk, customer in customers.items()
    }
    ids = [each for family, _ in families.values() for each in family]
    kinds: dict[int, set[str]] = {each: set() for each in ids}
    papers = Document.objects.filter(customer_id__in=ids, replaced_at__isnull=True)
    for owner, kind in papers.values_list("customer_id", "kind"):
        kinds[owner].add(kind)
    return {
        pk: Person(family, way, frozenset().union(*(kinds[each] for each in family)))
        for pk, (family, way) in families.items()
    }


def _read_way(customer: Customer) -> list[Customer]:
    """Read the customers from one to whom it means now. Of who was never merged nothing is read."""
    if customer.survivor_id is None:
        return [customer]
    steps = survivors.list_way_up(customer.pk)
    above = Customer.objects.in_bulk(steps)
    return [above[pk] for pk in steps]


def _find_registered(processor: Processor, persons: Iterable[Person]) -> set[int]:
    """Find which ids the processor knows."""
    ids = {each for person in persons for each in person.ids}
    known = Registration.objects.filter(processor=processor, customer_id__in=ids)
    return set(known.values_list("customer_id", flat=True))

"""A person by whichever Unique_Id they are named: as a processor knows them, and locked for a
change. docs/ledger.md, "Merges".
"""

from dataclasses import dataclass

from customers import records, survivors
from customers.models import Customer, Registration
from customers.survivors import Family
from ppims.core.errors import UnknownCustomer
from ppims.db.statements import Table, read_rows
from ppims.db.transaction import RunAgain
from ppims.models import Processor

PERSON_ROWS = Table(Customer, "c", only=tuple(records.KNOWN_CUSTOMERS.names))
REGISTERED_ROWS = Table(Registration, "r", only=tuple(records.KNOWN_AS.names))
IN_FAMILY = """
    JOIN customers_customer c ON c.unique_id = r.customer_id
    WHERE r.customer_id IN ({places}) AND r.processor_id = %s ORDER BY c.created_at, c.unique_id
"""


@dataclass(frozen=True)
class Known:
    """Whom a Unique_Id means now, the id that was named, and the registration by which the
    processor knows them.
    """

    named_id: int
    customer: Customer
    registration: Registration

    @property
    def old_unique_id(self) -> int | None:
        """The id that was named, where it was merged into another."""
        return self.named_id if self.named_id != self.customer.pk else None


def find_known(processor: Processor, unique_id: int) -> Known:
    """Find the customer as this processor knows it: of who was never merged in one read.

    Raises UnknownCustomer, also where only other processors know the customer: that somebody is
    known elsewhere is not for this one to learn.
    """
    registration = records.find_registration(processor, unique_id)
    if registration is not None and registration.customer.survivor_id is None:
        return Known(unique_id, registration.customer, registration)
    if registration is None and not survivors.has_merged(unique_id):
        raise UnknownCustomer
    return _find_in_family(processor, unique_id)


def _find_in_family(processor: Processor, unique_id: int) -> Known:
    family = survivors.find_family(unique_id)
    registration = find_registration_in_family(processor, unique_id, family)
    person = PERSON_ROWS.read_row("WHERE c.unique_id = %s", [family.root])
    if survivors.find_root(unique_id) != family.root:
        return _find_in_family(processor, unique_id)  # merged or parted meanwhile
    if registration is None or person is None:
        raise UnknownCustomer
    return Known(unique_id, person, registration)


def find_registration_in_family(
    processor: Processor, unique_id: int, family: Family
) -> Registration | None:
    """Find by which id of the family a processor knows a person: by the one that is named, else by
    the survivor's, else by the oldest customer's.
    """
    tail = IN_FAMILY.format(places=", ".join(["%s"] * len(family.ids)))
    rows = read_rows(REGISTERED_ROWS.write_select(tail), [*family.ids, processor.pk])
    theirs = {each.customer_id: each for each in map(REGISTERED_ROWS.make_model, rows)}
    return theirs.get(unique_id) or theirs.get(family.root) or next(iter(theirs.values()), None)


def lock_customer(unique_id: int) -> Customer:
    """Lock a customer's own row against other changes of it.

    NO KEY UPDATE: rows that refer to the customer (checks, entries) can be inserted meanwhile.
    """
    return Customer.objects.select_for_update(no_key=True).get(pk=unique_id)


def lock_known_customer(unique_id: int) -> Customer:
    """Lock a customer's own row. Raises UnknownCustomer."""
    try:
        return lock_customer(unique_id)
    except Customer.DoesNotExist:
        raise UnknownCustomer from None


def lock_way_up(unique_id: int) -> list[Customer]:
    """Lock the row of an id, and of each that it was merged into, up to the one that it means now,
    which comes last. The lowest is locked first: while it is, it stays where it is.

    Raises UnknownCustomer.
    """
    rows = {unique_id: lock_known_customer(unique_id)}
    above = rows[unique_id].survivor_id
    while above is not None and above not in rows:
        rows[above] = lock_customer(above)
        above = rows[above].survivor_id
    steps = {pk: row.survivor_id or pk for pk, row in rows.items()}
    return [rows[each] for each in survivors.list_steps(unique_id, steps)]


def lock_holder(unique_id: int) -> list[Customer]:
    """Lock whom a mobile number or document has found, as `lock_way_up` does. Raises RunAgain where
    the row isn't there: on another machine it may be seen a moment later than what found it.
    """
    try:
        return lock_way_up(unique_id)
    except UnknownCustomer:
        raise RunAgain from None


def lock_person(unique_id: int) -> Customer:
    """Lock the customer whom an id means now. Raises UnknownCustomer."""
    return lock_way_up(unique_id)[-1]


def list_ids(person: Customer) -> list[int]:
    """List the ids that mean this customer now. Of who was never merged nothing is read."""
    return [person.pk] if person.survivor_id is None else survivors.list_family(person.pk)

"""Whose a Unique_Id is now: where merges lead from it, and which ids belong together.

docs/ledger.md, "Merges". Reads only; no statement joins two customers, who may be on different
machines.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from customers.models import Kin
from ppims.db import statements
from ppims.db.streaming import Reader, stream_joined

READ_SURVIVOR = "SELECT survivor_id FROM customers_customer WHERE unique_id = %s"
READ_SURVIVORS = """
    SELECT unique_id, survivor_id FROM customers_customer WHERE unique_id IN ({places})
"""
READ_KIN_OF_MANY = "SELECT other_id FROM customers_kin WHERE customer_id IN ({places})"
KIN_READER = Reader(Kin, ["customer_id", "other_id"])
READ_KIN = "SELECT other_id FROM customers_kin WHERE customer_id = %s ORDER BY other_id"


class Family(NamedTuple):
    """Whom a Unique_Id means now, and all ids that mean the same, in their order."""

    root: int
    ids: list[int]


def find_root(unique_id: int) -> int:
    """Find whom this Unique_Id means now: the customer that it was merged into, directly or through
    others; itself where it was not merged, or where nobody has it.
    """
    return list_way_up(unique_id)[-1]


def list_way_up(unique_id: int) -> list[int]:
    """List whom this Unique_Id was merged into: itself first, then each above it, and the last is
    whom it means now.
    """
    above: dict[int, int] = {}
    asked = unique_id
    while asked not in above:
        row = statements.read_row(READ_SURVIVOR, [asked])
        above[asked] = (row and row[0]) or asked
        asked = above[asked]
    return list_steps(unique_id, above)


def has_merged(unique_id: int) -> bool:
    """Return whether this Unique_Id was ever part of a merge."""
    row = statements.read_row(READ_SURVIVOR, [unique_id])
    return row is not None and row[0] is not None


def find_roots(unique_ids: Iterable[int]) -> dict[int, int]:
    """Find whom each Unique_Id means now, as `find_root` does, by one statement a step upwards."""
    survivors: dict[int, int] = {}
    wanted = sorted(set(unique_ids))
    asked = set(wanted)
    while asked:
        survivors |= read_survivors(asked)
        asked = {survivors[each] for each in asked if each in survivors} - survivors.keys()
    return {unique_id: list_steps(unique_id, survivors)[-1] for unique_id in wanted}


def list_kin(unique_id: int) -> list[int]:
    """List the ids that merges ever connected with this one, and itself, in their order: a row of
    its own may be in the ledger of each.
    """
    others = [other_id for (other_id,) in statements.read_rows(READ_KIN, [unique_id])]
    return sorted({unique_id, *others})


def list_all_kin(unique_ids: Iterable[int]) -> set[int]:
    """List the kin of several ids, and themselves, by one statement."""
    asked = sorted(set(unique_ids))
    if not asked:
        return set()
    sql = READ_KIN_OF_MANY.format(places=", ".join(["%s"] * len(asked)))
    return {*asked, *(other_id for (other_id,) in statements.read_rows(sql, asked))}


def find_family(unique_id: int) -> Family:
    """Find whom this Unique_Id means now, and all ids that mean the same, of one reading: so the id
    is one of them, whatever is merged or parted meanwhile.
    """
    roots = find_roots(list_kin(unique_id))
    root = roots[unique_id]
    return Family(root, sorted({root, *(each for each, top in roots.items() if top == root)}))


def list_family(unique_id: int) -> list[int]:
    """List the ids that mean the same customer as this one does now, in their order."""
    return find_family(unique_id).ids


def list_branch(unique_id: int) -> list[int]:
    """List the ids whose way up leads through this one, itself included, in their order: who goes
    with it when it is un-merged.
    """
    kin = list_kin(unique_id)
    survivors = read_survivors(kin)
    return [each for each in kin if unique_id in list_steps(each, survivors)]


def list_connected() -> Iterator[list[int]]:
    """List all whom merges connected with each other, each time in the order of their ids; by the
    first of them.
    """
    others: list[int] = []
    last: int | None = None
    for customer_id, other_id in stream_joined((KIN_READER,), "ORDER BY customer_id, other_id", ()):
        if not isinstance(customer_id, int) or not isinstance(other_id, int):
            continue  # not from us: verification finds such a row by its proof
        if customer_id != last:
            yield from _list_if_first(last, others)
            last, others = customer_id, []
        others.append(other_id)
    yield from _list_if_first(last, others)


def read_survivors(unique_ids: Iterable[int]) -> dict[int, int]:
    """Read into whom each was merged: itself, where into nobody."""
    asked = sorted(set(unique_ids))
    if not asked:
        return {}
    sql = READ_SURVIVORS.format(places=", ".join(["%s"] * len(asked)))
    return {unique_id: above or unique_id for unique_id, above in statements.read_rows(sql, asked)}


def list_steps(unique_id: int, above: Mapping[int, int]) -> list[int]:
    """List the steps from an id up to whom it means, itself first. Only a hand in the database
    makes a circle: its smallest id is whom all of it mean, so that every walk ends, and at one.
    """
    steps = [unique_id]
    while (top := above.get(steps[-1], steps[-1])) not in steps:
        steps.append(top)
    root = min(steps[steps.index(top) :])
    return steps[: steps.index(root) + 1]


def _list_if_first(customer_id: int | None, others: list[int]) -> list[list[int]]:
    if customer_id is None or customer_id > min(others):
        return []
    return [sorted({customer_id, *others})]

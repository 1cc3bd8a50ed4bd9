"""Whose a Unique_Id is now: where merges lead from it, and which ids belong together.

docs/ledger.md, "Merges". Reads only; no statement joins two customers, who may be on different
machines.
"""

from collections.abc import Iterable, Iterator, Mapping

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


def find_root(unique_id: int) -> int:
    """Find whom this Unique_Id means now: the customer that it was merged into, directly or through
    others; itself where it was not merged, or where nobody has it.
    """
    return list_way_up(unique_id)[-1]


def list_way_up(unique_id: int) -> list[int]:
    """List whom this Unique_Id was merged into: itself first, then each above it, and the last is
    whom it means now.
    """
    way = [unique_id]
    while True:
        row = statements.read_row(READ_SURVIVOR, [way[-1]])
        if row is None or row[0] in {None, way[-1]}:
            return way
        way.append(row[0])


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
    return {unique_id: _list_steps(unique_id, survivors)[-1] for unique_id in wanted}


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


def list_family(root: int) -> list[int]:
    """List the ids that mean this customer now, itself included, in their order."""
    kin = list_kin(root)
    if kin == [root]:
        return kin
    return [unique_id for unique_id, leads_to in find_roots(kin).items() if leads_to == root]


def list_branch(unique_id: int) -> list[int]:
    """List the ids whose way up leads through this one, itself included, in their order: who goes
    with it when it is un-merged.
    """
    kin = list_kin(unique_id)
    survivors = read_survivors(kin)
    return [each for each in kin if unique_id in _list_steps(each, survivors)]


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


def _list_steps(unique_id: int, survivors: Mapping[int, int]) -> list[int]:
    steps = [unique_id]
    while (above := survivors.get(steps[-1], steps[-1])) != steps[-1]:
        steps.append(above)
    return steps


def _list_if_first(customer_id: int | None, others: list[int]) -> list[list[int]]:
    if customer_id is None or customer_id > min(others):
        return []
    return [sorted({customer_id, *others})]

"""Carry out requests of the ledger on this installation's database, in one transaction if it can
be; else so that each has what is its own.
"""

from collections.abc import Sequence
from functools import partial

from limits.known import Request
from limits.stores.citus import CitusStore
from limits.stores.group import run_group
from limits.stores.postgresql import Locking, PostgresqlStore
from limits.stores.sqlite import SqliteStore
from ppims.core.errors import Unavailable
from ppims.db import nodes, outages
from ppims.db.group_commit import PutOff
from ppims.db.pipeline import Pipeline, is_in_transaction, run_pipelined
from ppims.db.statements import choose_by_database
from ppims.db.transaction import Outcome, refuse_if_lost, run_in_transaction

# How long a group waits for a lock: others wait for the group.
LOCK_WAIT_MS = 200
LOCK_NOT_AVAILABLE = "55P03"
SQLITE_STORE = SqliteStore()


def carry_out(requests: Sequence[Request]) -> list[Outcome]:
    """Carry out requests, in the order in which they came, and say what became of each. Inside an
    open transaction: as a part of it.
    """
    return choose_by_database({"sqlite": _run_on_sqlite, "postgresql": _run_on_postgresql})(
        requests
    )


def _run_on_sqlite(requests: Sequence[Request]) -> list[Outcome]:
    try:
        work = partial(run_group, SQLITE_STORE, requests)
        return run_in_transaction(work, takes_instant=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one of these requests'
        refuse_if_lost(error)
        if len(requests) == 1:
            return [(None, error)]
    return [outcome for request in requests for outcome in _run_on_sqlite([request])]


def _run_on_postgresql(requests: Sequence[Request]) -> list[Outcome]:
    nodes.are_many()  # once, and not amid a pipeline
    if is_in_transaction():
        return _run_or_part(requests, Locking.PATIENT)
    outcomes: list[Outcome] = [(None, PutOff())] * len(requests)
    # Who waits for a lock comes last, so that all others are answered before.
    for locking in Locking:
        left = [place for place, (_, error) in enumerate(outcomes) if isinstance(error, PutOff)]
        if not left:
            break
        again = _run_or_part([requests[place] for place in left], locking)
        for place, outcome in zip(left, again, strict=True):
            outcomes[place] = outcome
    return outcomes


def _run_or_part(requests: Sequence[Request], locking: Locking) -> list[Outcome]:
    """Carry out requests together; where the database refuses that, each alone once, so that only
    whose fault it is has it. Whose lock is not to be had in time is put off.
    """
    try:
        work = partial(_run_piped, requests, locking)
        return run_pipelined(work, lock_wait_ms=LOCK_WAIT_MS)
    except PutOff as put_off:
        return [(None, put_off) for _ in requests]
    except Unavailable as error:
        is_locked = outages.find_sqlstate(error.__cause__) == LOCK_NOT_AVAILABLE
        return [(None, PutOff() if is_locked else error) for _ in requests]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one of these requests'
        if len(requests) == 1:
            return [(None, error)]
    return [outcome for request in requests for outcome in _run_or_part([request], locking)]


def _run_piped(requests: Sequence[Request], locking: Locking, pipeline: Pipeline) -> list[Outcome]:
    store = CitusStore if nodes.are_many() else PostgresqlStore
    processors = sorted({request.processor_id for request in requests})
    return run_group(store(pipeline, processors, locking), requests)

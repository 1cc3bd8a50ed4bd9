"""How a group of requests is carried out on any database: read, plan, write, all under the locks of
its customers. What differs between databases is a `Store`.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings

from limits.decision import FINANCIAL_YEAR
from limits.known import (
    CHECK_OPERATION,
    UPDATE_OPERATION,
    ApprovedMove,
    ApprovedRule,
    Ask,
    ClockBehind,
    Entry,
    FirstAnswer,
    Head,
    Known,
    Missing,
    NotThereYet,
    Outcome,
    RefKey,
    Report,
    Request,
    Rows,
)
from limits.ledger import report_clock
from limits.plan import plan
from limits.posting import REVERSE_KIND
from limits.stores import kin
from limits.stores.found import take_checks, take_holds, take_named, take_people, take_usage
from limits.stores.store import Store, Wanted
from ppims.core import calendar, clock
from ppims.db import clock_guard
from ppims.db.group_commit import PutOff
from ppims.db.statements import read_instant
from ppims.db.transaction import Outcome as WorkOutcome
from ppims.db.transaction import RunAgain

MOST_READINGS = 5
SETTLED_WITHIN = timedelta(days=1)  # most checks: so the month before is read early in a month


class LastGroup:
    """What this process's last group has read, for a guess at which months the next one needs: it
    is never judged by.
    """

    rules: Sequence[ApprovedRule] = ()


_last = LastGroup()


def run_group(store: Store, requests: Sequence[Request]) -> list[WorkOutcome]:
    """Carry out a group inside an open transaction, and tell what became of each: PutOff where
    somebody else has the customer's lock, or where there is nothing yet to lock.

    Raises PutOff where that is so of all: then there is nothing to commit; ClockMoved; and RunAgain
    where a Ref_Id is seen and its answer is not yet.
    """
    known = _read_known(store, requests)
    put_off = set() if store.makes_heads else _find_unlocked(requests, known)
    taken = [request for request in requests if request.said.unique_id not in put_off]
    if not taken:
        raise PutOff
    outcomes, rows = _plan_with_enough(store, taken, known)
    if rows.heads:
        store.write(rows, known)
    elif any(answer for answer, _ in outcomes):
        store.confirm()
    planned = iter(outcomes)
    return [
        (None, PutOff()) if request.said.unique_id in put_off else next(planned)
        for request in requests
    ]


def _find_unlocked(requests: Sequence[Request], known: Known) -> set[int]:
    """Find whose heads there is nothing of, though a request of a processor of theirs is here: the
    Unique_Ids as they are named.
    """
    owners = {(request.said.unique_id, request.processor_id) for request in requests}
    named = {unique_id for unique_id, _ in owners & known.cif_ids.keys()}
    return {unique_id for unique_id in named if known.find_root(unique_id) not in known.heads}


def _plan_with_enough(
    store: Store, requests: Sequence[Request], known: Known
) -> tuple[list[Outcome], Rows]:
    for _ in range(MOST_READINGS):
        try:
            outcomes, rows = plan(requests, known)
        except NotThereYet:
            raise RunAgain from None
        except Missing as missing:
            _read_missing(store, known, missing)
            continue
        for _, refusal in outcomes:
            if isinstance(refusal, ClockBehind):
                report_clock(refusal)
        return outcomes, rows
    raise RuntimeError("a plan that always asks for more")


def _read_known(store: Store, requests: Sequence[Request]) -> Known:
    guesses = kin.guess_roots(requests)
    found = store.ask(_list_first(requests, guesses))
    reading = found["clock"][0][0] if found["clock"] else None
    clock_guard.require_steady(reading)
    known = Known(clock.now(reading), settings.PPIMS_LEDGER_KEYS[0])
    known.heads = {row[0]: Head(*row) for row in found["heads"]}
    merged = take_people(known, found["people"])
    known.rules = _last.rules = _make_rules(tuple(found["rules"]))
    take_usage(known, found["used"])
    take_holds(known, found["holds"])
    take_named(known, found)
    for processor_id, operation, ref_id, *first in found.get("keys", ()):
        known.keys[operation, processor_id, ref_id] = FirstAnswer(*first)
    known.check_ids = [row[0] for row in found.get("check_ids", ())]
    known.entry_ids = [row[0] for row in found.get("entry_ids", ())]
    if merged or guesses:
        _read_kin(store, requests, known, merged, guesses)
    if store.makes_heads:
        for customer_id in known.people.keys() - known.heads.keys():
            known.heads[customer_id] = Head(customer_id)
    _read_named(store, requests, known)
    return known


def _read_kin(
    store: Store,
    requests: Sequence[Request],
    known: Known,
    merged: set[int],
    guesses: Mapping[int, int],
) -> None:
    # A move names whose ledgers it is about, whomever the ids mean at that moment.
    named = {r.said.unique_id for r in requests if not isinstance(r.said, ApprovedMove)}
    if theirs := named & {*merged, *guesses}:
        kin.read_kin(store, requests, known, theirs, guesses)


@lru_cache(4)
def _make_rules(rows: tuple[tuple[Any, ...], ...]) -> list[ApprovedRule]:
    """Make rules of their rows, once for as long as the rows say the same."""
    return [ApprovedRule._make((*row[:-1], read_instant(row[-1]))) for row in rows]


def _list_first(requests: Sequence[Request], guesses: Mapping[int, int]) -> Wanted:
    """List what is read of every group: the locks, the clock after them, and all that the requests
    name by themselves.
    """
    ids = {(request.said.unique_id,) for request in requests}
    customers = people = sorted(ids)
    moves = [request.said for request in requests if isinstance(request.said, ApprovedMove)]
    if guesses or moves:
        of_moves = [(move.taker_id,) for move in moves]
        roots = {(guesses.get(unique_id, unique_id),) for (unique_id,) in ids}
        customers = sorted(roots.union(of_moves))
        people = sorted(ids.union(customers))
    asks = [(request, request.said) for request in requests if isinstance(request.said, Ask)]
    reports = [(request, request.said) for request in requests if isinstance(request.said, Report)]
    months = _guess_months(is_settling=bool(reports))
    wanted: Wanted = {
        "heads": customers,
        "clock": (),
        "people": people,
        "rules": (),
        "used": [(customer, month) for (customer,) in customers for month in months],
        "holds": customers,
    }
    named: dict[str, AbstractSet[tuple[Any, ...]]] = {
        "keys": _list_keys(requests),
        "accounts": {
            (ask.unique_id, request.processor_id, ask.account_number)
            for request, ask in asks
            if ask.account_number
        },
        "cards": {
            (ask.unique_id, request.processor_id, digest)
            for request, ask in asks
            for digest in request.card_digests
        },
        "posted": {
            (report.unique_id, request.processor_id, report.tran_id)
            for request, report in reports
            if report.tran_id
        },
    }
    wanted |= {name: sorted(rows) for name, rows in named.items() if rows}
    if asks:
        wanted["check_ids"] = [(len(asks),)]
    if len(asks) < len(requests):
        more = sum(2 * len(move.amounts) - 1 for move in moves)
        wanted["entry_ids"] = [(len(requests) - len(asks) + more,)]
    return wanted


def _guess_months(*, is_settling: bool) -> list[int]:
    """Guess the months whose usage is asked for. Any other is Missing, and read then."""
    now = clock.now()
    month = calendar.number_ist_month(now)
    months = {month}
    if any(rule.window == FINANCIAL_YEAR for rule in _last.rules):
        months |= {*calendar.list_months_of_financial_year(month)}
    if is_settling:
        months.add(calendar.number_ist_month(now - SETTLED_WITHIN))
    return sorted(months)


def _list_keys(requests: Sequence[Request]) -> set[tuple[int, str, str]]:
    """List the Ref_Ids that a group has and those that it names: processor, operation, Ref_Id."""
    keys = {request.key for request in requests if request.key}
    for request in requests:
        said = request.said
        if isinstance(said, Report) and said.enquiry_ref_id:
            keys.add((CHECK_OPERATION, request.processor_id, said.enquiry_ref_id))
    return {(processor_id, operation, ref_id) for operation, processor_id, ref_id in keys}


def _read_named(store: Store, requests: Sequence[Request], known: Known) -> None:
    """Read what Ref_Ids and Tran_Ids have led to: it is known only after these are found."""
    owners = {owner for r in requests for owner in known.list_kin(r.said.unique_id)}
    checks = _list_rows_of(known.keys, CHECK_OPERATION, owners)
    entries = _list_rows_of(known.keys, UPDATE_OPERATION, owners)
    undone = [
        (customer_id, posting.month, posting.id)
        for (unique_id, *_), posting in known.posted.items()
        for customer_id in known.list_kin(unique_id)
    ]
    is_undoing = any(
        isinstance(request.said, Report) and request.said.kind == REVERSE_KIND
        for request in requests
    )
    wanted: Wanted = {}
    if checks:
        wanted["checks"] = sorted(checks)
    if entries:
        wanted["entries"] = sorted(entries)
    if undone and is_undoing:
        wanted["reversed"] = sorted(undone)
    if not wanted:
        return
    found = store.ask(wanted)
    take_checks(known, found.get("checks", ()))
    if known.kin:
        kin.read_of_checks(store, known)
    known.entries = {row[0]: Entry(*row) for row in found.get("entries", ())}
    for posting_id, paise in found.get("reversed", ()):
        known.reversed_paise[posting_id] = known.reversed_paise.get(posting_id, 0) + paise


def _list_rows_of(
    keys: Mapping[RefKey, FirstAnswer], operation: str, owners: set[int]
) -> list[tuple[int, int]]:
    """List the answers of an operation, each as customer and id; only those of the group's own."""
    return [
        (first.customer_id, first.row_id)
        for key, first in keys.items()
        if key[0] == operation and first.customer_id in owners
    ]


def _read_missing(store: Store, known: Known, missing: Missing) -> None:
    wanted: Wanted = {}
    if missing.months:
        wanted["used"] = sorted(missing.months)
    if missing.answers:
        wanted["answers"] = sorted(missing.answers)
    found = store.ask(wanted)
    take_usage(known, found.get("used", ()))
    for check_id, came in found.get("answers", ()):
        known.answers[check_id] = known.answers.get(check_id, False) or bool(came)

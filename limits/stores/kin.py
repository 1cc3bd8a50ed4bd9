"""Whom the Unique_Ids of a group mean, where merges ever connected them with others: what a group
reads besides, so that all of a person's rows are known, in whosever ledger they are.
docs/ledger.md, "Merges".

The head of whom an id means is the lock. Which one that is, is known only after it is held: so
each process remembers what it has found, as a guess at what to lock, and never judges by it. What
is read under the locks confirms the guess; else all is undone, and done again by what was found.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from customers import survivors
from limits import ledger
from limits.known import ApprovedMove, Ask, Head, Hold, HoldPlace, Known, Report, Request
from limits.models import LedgerHead
from limits.stores.found import take_accounts, take_holds, take_named, take_people
from limits.stores.store import Found, Store, Wanted
from ppims.db.transaction import RunAgain

MOST_GUESSES = 20_000
_guesses: dict[int, int] = {}


def guess_roots(requests: Sequence[Request]) -> dict[int, int]:
    """Guess whom the Unique_Ids of a group mean, of those that meant others when last seen."""
    if not _guesses:
        return {}
    named = {r.said.unique_id for r in requests if not isinstance(r.said, ApprovedMove)}
    return {unique_id: _guesses[unique_id] for unique_id in named & _guesses.keys()}


def note_root(unique_id: int, root: int) -> None:
    """Remember whom a Unique_Id means."""
    _guesses.pop(unique_id, None)
    if unique_id != root:
        while len(_guesses) >= MOST_GUESSES:
            _guesses.pop(next(iter(_guesses)), None)
        _guesses[unique_id] = root


def lock_root(unique_id: int) -> tuple[LedgerHead, datetime]:
    """Lock the customer whom a Unique_Id means, as `ledger.lock` does.

    Raises RunAgain where a merge was first; the transaction is then to begin anew.
    """
    root = survivors.find_root(unique_id)
    locked = ledger.lock(root)
    if survivors.find_root(unique_id) != root:
        raise RunAgain
    note_root(unique_id, root)
    return locked


def read_kin(
    store: Store,
    requests: Sequence[Request],
    known: Known,
    merged: Iterable[int],
    guesses: Mapping[int, int],
) -> None:
    """Read who these Unique_Ids are, and what a group's requests name of their kin. `guesses` say
    whose heads were locked instead of theirs. Raises RunAgain where a guess was wrong.
    """
    named = sorted(merged)
    kin: dict[int, set[int]] = {unique_id: {unique_id} for unique_id in named}
    for unique_id, other_id in store.ask({"kin": [(each,) for each in named]})["kin"]:
        kin[unique_id].add(other_id)
    found = store.ask(_list_wanted(requests, kin))
    take_people(known, found["people"])
    take_named(known, found)
    _take_kin(known, kin, found)
    _require_locked(store, known, named, guesses)
    for request in requests:
        if request.said.unique_id in kin:
            _choose_what_is_named(request, known)


def read_of_checks(store: Store, known: Known) -> None:
    """Read what has become of the checks that are known, where their customers have kin: what has
    settled one may stand in another's ledger, and its hold is whose the Unique_Id means now.
    """
    checks = [check for check in known.checks.values() if check.unique_id_sent in known.kin]
    if not checks:
        return
    of_kin = [(owner, check) for check in checks for owner in known.kin[check.unique_id_sent]]
    accounts = {(o, c.processor_id, c.account_number) for o, c in of_kin if c.account_number}
    wanted: Wanted = {
        "settled": sorted((owner, check.id) for owner, check in of_kin),
        "held": sorted((known.find_root(c.unique_id_sent), c.id) for c in checks),
    }
    if accounts:
        wanted["accounts"] = sorted(accounts)
    found = store.ask(wanted)
    known.settled |= {check_id for (check_id,) in found["settled"]}
    for check_id, customer_id, paise, *place in found["held"]:
        known.named_holds[check_id] = Hold(customer_id, HoldPlace(*place), paise)
    take_accounts(known, found.get("accounts", ()))
    for check in checks:
        account = check.processor_id, check.account_number
        _choose(known.accounts, check.unique_id_sent, account, known=known)


def _list_wanted(requests: Sequence[Request], kin: Mapping[int, set[int]]) -> Wanted:
    """List what is read of all kin: who they are, and what requests name of them."""
    everybody = sorted({(each,) for theirs in kin.values() for each in theirs})
    named: dict[str, set[tuple[Any, ...]]] = {"accounts": set(), "cards": set(), "posted": set()}
    for request in requests:
        said, by = request.said, request.processor_id
        for owner in kin.get(said.unique_id, ()):
            if isinstance(said, Ask) and said.account_number:
                named["accounts"].add((owner, by, said.account_number))
            named["cards"] |= {(owner, by, digest) for digest in request.card_digests}
            if isinstance(said, Report) and said.tran_id:
                named["posted"].add((owner, by, said.tran_id))
    wanted: Wanted = {"survivors": everybody, "people": everybody}
    return wanted | {name: sorted(rows) for name, rows in named.items() if rows}


def _take_kin(known: Known, kin: Mapping[int, set[int]], found: Found) -> None:
    above = {
        unique_id: survivor_id or unique_id for unique_id, survivor_id, _ in found["survivors"]
    }
    since = {unique_id: created_at for unique_id, _, created_at in found["survivors"]}
    known.roots |= {each: survivors.list_steps(each, above)[-1] for each in above}
    for theirs in kin.values():
        oldest_first = sorted(theirs & above.keys(), key=lambda each: (since[each], each))
        for each in oldest_first:
            first = [each, known.roots[each]]
            known.kin[each] = tuple(dict.fromkeys([*first, *oldest_first]))


def _require_locked(
    store: Store, known: Known, named: Iterable[int], guesses: Mapping[int, int]
) -> None:
    """See that the heads of whom the ids mean are locked, or else have the group begin anew: a head
    that is locked after others could be waited for in a circle.
    """
    locked = {unique_id: guesses.get(unique_id, unique_id) for unique_id in named}
    wrong = {each: root for each in named if (root := known.find_root(each)) != locked[each]}
    for unique_id, root in wrong.items():
        note_root(unique_id, root)
    if wrong and not store.makes_heads:
        raise RunAgain
    roots = [(root,) for root in sorted({*wrong.values()})]
    if roots:  # where one lock is everybody's
        found = store.ask({"heads": roots, "holds": roots})
        known.heads |= {row[0]: Head(*row) for row in found["heads"]}
        take_holds(known, found["holds"])


def _choose_what_is_named(request: Request, known: Known) -> None:
    """Choose whose Cif_Id, account and card count: those of the id that is named, else those of the
    survivor, else of the oldest.
    """
    said, by = request.said, request.processor_id
    _choose(known.cif_ids, said.unique_id, (by,), known=known)
    if isinstance(said, Ask):
        _choose(known.accounts, said.unique_id, (by, said.account_number), known=known)
        cards = [(by, digest) for digest in request.card_digests]
        _choose(known.cards, said.unique_id, *cards, known=known)


def _choose(rows: dict[Any, Any], unique_id: int, *names: tuple[Any, ...], known: Known) -> None:
    """Choose by whichever of the names a row goes."""
    for member in known.list_family(unique_id):
        for name in names:
            if (member, *name) in rows:
                rows[unique_id, *name] = rows[member, *name]
                return

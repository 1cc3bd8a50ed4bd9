"""What is known of a group, as it changes while the group is planned; and the rows that the changes
come to. Pure. What was read (`Known`) stays as it is: with more of it, one plans anew.
"""

from datetime import datetime
from typing import Any

from limits import decision
from limits.decision import Rule
from limits.known import (
    CREDIT_DIRECTION,
    DEBIT_DIRECTION,
    Check,
    Entry,
    FirstAnswer,
    Head,
    Hold,
    HoldPlace,
    HoldsOfCustomer,
    Known,
    Missing,
    Request,
    Rows,
    Usage,
    UsageOfCustomer,
    take_instant,
)
from ppims.core.chain import sign_link, sign_row
from ppims.core.errors import UnknownCustomer
from ppims.core.keys import Plain, make_plain

PLAIN_TYPES = (int, str, bytes, int | None)
UNSIGNED_FIELDS = 2  # of a check and an entry, at the end: the key's name and the signature


class Standing:
    """A group's customers as they stand after the requests planned so far."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.missing = Missing()
        self.keys, self.checks, self.entries = {**known.keys}, {**known.checks}, {**known.entries}
        self.posted, self.reversed_paise = {**known.posted}, {**known.reversed_paise}
        self.named_holds, self.settled = {**known.named_holds}, {*known.settled}
        self._heads: dict[int, Head] = {}
        self._used: dict[int, UsageOfCustomer] = {}
        self._holds: dict[int, HoldsOfCustomer] = {}
        self._rules: dict[tuple[str, str, datetime], list[Rule]] = {}
        self._changed_months: set[tuple[int, int]] = set()
        self._check_ids, self._entry_ids = iter(known.check_ids), iter(known.entry_ids)
        self._rows = Rows()

    # What stands.

    def find_head(self, customer_id: int) -> Head:
        """Find how far a customer's ledger goes. Raises UnknownCustomer."""
        head = self._heads.get(customer_id) or self.known.heads.get(customer_id)
        if head is None:
            raise UnknownCustomer
        return head

    def take_instant(self, customer_id: int) -> datetime:
        """Take the instant of a customer's next row. Raises UnknownCustomer, ClockBehind."""
        return take_instant(self.known.at, self.find_head(customer_id).last_at)

    def find_rules(self, tier: str, direction: str, at: datetime) -> list[Rule]:
        """Find the limits in force; a rule without an amount is no limit."""
        asked = tier, direction, at
        if asked not in self._rules:
            rows = [r for r in self.known.rules if (r.tier, r.direction) == (tier, direction)]
            self._rules[asked] = [
                Rule(rule_id, window, amount)
                for rule_id, _, _, window, amount, _ in decision.pick_in_force(rows, at)
                if amount is not None
            ]
        return self._rules[asked]

    def read_usage(self, customer_id: int, months: set[int], at: datetime) -> Usage:
        """Give what is used in these months, and all that is held open at an instant."""
        for month in months:
            self._require_month(customer_id, month)
        held: dict[tuple[int, str, int], int] = {}
        for place, paise in self._find_holds(customer_id).items():
            if place.expires_at > at:
                key = place.month, place.direction, place.processor_id
                held[key] = held.get(key, 0) + paise
        return Usage(self._find_used(customer_id), held)

    def was_answered(self, check: Check) -> bool:
        """Tell whether an S or an F has come for a check."""
        if any(entry.limit_check_id == check.id for entry in self._rows.entries):
            return True
        if check.id not in self.known.answers:
            owners = self.known.list_kin(check.unique_id_sent)
            self.missing.answers.update((owner, check.id) for owner in owners)
        return self.known.answers.get(check.id, False)

    # What changes.

    def keep_check(self, request: Request, check: Check) -> Check:
        """Number, sign and keep a check, and open the hold of one that is allowed; the customer's
        expired holds go.
        """
        head, key = self.find_head(check.customer_id), self.known.key
        check = check._replace(id=next(self._check_ids), number=head.check_count + 1, key_id=key.id)
        check = check._replace(mac=sign_row(key, "check", list_signed(check), request.digests))
        self._rows.checks.append(check)
        self.checks[check.id] = check
        self._drop_expired(check.customer_id)
        if check.hold_until:
            self._open_hold(check)
        self._heads[check.customer_id] = head._replace(check_count=check.number, last_at=check.at)
        self._keep_key(request, check.customer_id, check.id)
        return check

    def add_usage(self, customer_id: int, month: int, direction: str, paise: int) -> None:
        """Add to what is used in a month; below zero: take away."""
        self._require_month(customer_id, month)
        self._find_used(customer_id)[month, direction] += paise
        self._changed_months.add((customer_id, month))

    def give_back(self, posting_id: int, paise: int) -> None:
        """Note that so much of a posting was undone, beside what had been."""
        self.reversed_paise[posting_id] = self.reversed_paise.get(posting_id, 0) + paise

    def close_hold(self, check_id: int) -> None:
        """Free what a check holds, if it still does."""
        hold = self.named_holds.pop(check_id, None)
        if hold is None:
            return
        holds = self._find_holds(hold.customer_id)
        if hold.place in holds:  # else it had expired
            holds[hold.place] -= hold.amount_paise
        if self._rows.opened.pop(check_id, None) is None:
            self._rows.closed.append((hold.customer_id, check_id))

    def move_hold(self, check_id: int, hold: Hold, taker_id: int) -> None:
        """Let an open hold count as another customer's."""
        self._find_holds(hold.customer_id)[hold.place] -= hold.amount_paise
        self._rows.closed.append((hold.customer_id, check_id))
        taken, holds = hold._replace(customer_id=taker_id), self._find_holds(taker_id)
        holds[hold.place] = holds.get(hold.place, 0) + hold.amount_paise
        self._rows.opened[check_id] = taken

    def append(self, request: Request, entry: Entry) -> Entry:
        """Number an entry, chain it to the customer's last one, sign and keep it."""
        head, key = self.find_head(entry.customer_id), self.known.key
        entry = entry._replace(id=next(self._entry_ids), number=head.entry_count + 1, key_id=key.id)
        digest = sign_link(key, "entry", list_signed(entry), head.last_digest, request.digests)
        entry = entry._replace(digest=digest)
        self._rows.entries.append(entry)
        self.entries[entry.id] = entry
        self._heads[entry.customer_id] = head._replace(
            entry_count=entry.number, last_digest=digest, last_at=entry.at
        )
        self._keep_key(request, entry.customer_id, entry.id)
        return entry

    def finish(self) -> Rows:
        """Give all that is to be written. Raises Missing."""
        if self.missing.months or self.missing.answers:
            raise self.missing
        rows, key = self._rows, self.known.key
        for customer_id, month in self._changed_months:
            used = self._used[customer_id]
            rows.usage[customer_id, month] = (
                used[month, DEBIT_DIRECTION],
                used[month, CREDIT_DIRECTION],
            )
        # Once a customer: a head signs what is now there.
        rows.heads = [
            (head, key.id, sign_row(key, "head", [make_plain(value) for value in head]))
            for head in self._heads.values()
        ]
        return rows

    def _require_month(self, customer_id: int, month: int) -> None:
        used = self._find_used(customer_id)
        if (month, DEBIT_DIRECTION) not in used:
            # It is planned to the end with nothing there, to learn of all that is missing.
            self.missing.months.add((customer_id, month))
            used[month, DEBIT_DIRECTION] = used[month, CREDIT_DIRECTION] = 0

    def _find_used(self, customer_id: int) -> UsageOfCustomer:
        if customer_id not in self._used:
            self._used[customer_id] = {**self.known.used.get(customer_id, {})}
        return self._used[customer_id]

    def _find_holds(self, customer_id: int) -> HoldsOfCustomer:
        if customer_id not in self._holds:
            self._holds[customer_id] = {**self.known.holds.get(customer_id, {})}
        return self._holds[customer_id]

    def _open_hold(self, check: Check) -> None:
        assert check.hold_until
        place = HoldPlace(check.processor_id, check.month, check.direction, check.hold_until)
        hold = Hold(check.customer_id, place, check.amount_paise)
        holds = self._find_holds(check.customer_id)
        holds[place] = holds.get(place, 0) + check.amount_paise
        self.named_holds[check.id] = self._rows.opened[check.id] = hold

    def _drop_expired(self, customer_id: int) -> None:
        # An expired hold counts nowhere: so its row may wait for the customer's next check.
        holds = self._find_holds(customer_id)
        for place in [place for place in holds if place.expires_at <= self.known.at]:
            del holds[place]
            self._rows.expired.add(customer_id)

    def _keep_key(self, request: Request, customer_id: int, row_id: int) -> None:
        if request.key:
            self.keys[request.key] = FirstAnswer(customer_id, row_id, request.digests)
            self._rows.keys.append((request.key, self.keys[request.key]))


def list_signed(row: Check | Entry) -> list[Plain]:
    """List the values that are signed: all but the row's id, and what its signature consists of."""
    values: list[Any] = [*row]
    for place in NOT_PLAIN_PLACES[type(row)]:
        values[place] = make_plain(values[place])
    return values[1:-UNSIGNED_FIELDS]


def _list_not_plain(kind: Any) -> list[int]:
    annotations = kind.__annotations__
    return [p for p, name in enumerate(kind._fields) if annotations[name] not in PLAIN_TYPES]


# Where instants, days, yes and no are: they are signed in another form.
NOT_PLAIN_PLACES = {kind: _list_not_plain(kind) for kind in (Check, Entry)}

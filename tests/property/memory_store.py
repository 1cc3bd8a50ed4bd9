"""A ledger in dictionaries: a store that reads of itself what a group's requests name, has them
planned, and keeps the rows. It holds what the tables' constraints hold.
"""

import hashlib
from collections import Counter
from dataclasses import asdict

from limits.known import (
    CHECK_OPERATION,
    CREDIT_DIRECTION,
    DEBIT_DIRECTION,
    UPDATE_OPERATION,
    ApprovedCorrection,
    ApprovedMove,
    Ask,
    Head,
    Known,
    Missing,
    Posting,
    Report,
    Request,
)
from limits.plan import plan
from limits.posting import find_effect_paise
from ppims.core.chain import Walk, find_head_problem
from ppims.core.keys import Key, make_plain

KEY = Key("testing1", bytes(range(32)))
FIRST_CHECK_ID, FIRST_ENTRY_ID = 101, 501
MOST_PLANS = 3  # of one group, each with more than the one before


def digest_fields(ref_id, said):
    """Six bytes a field, of an absent one zeros."""
    digests = []
    for name, value in asdict(said).items():
        text = f"{ref_id}|{name}|{value}".encode()
        digests.append(bytes(6) if value is None else hashlib.blake2b(text, digest_size=6).digest())
    return b"".join(digests)


def make_request(said, processor_id, ref_id, hold_minutes=15):
    """An Ask or a Report of a processor."""
    return Request(
        said,
        processor_id=processor_id,
        ref_id=ref_id,
        digests=digest_fields(ref_id, said),
        field_names=tuple(asdict(said)),
        hold_minutes=hold_minutes,
        card_digests=list_card_digests(getattr(said, "card_number", None)),
    )


def list_card_digests(number):
    return (b"card " + number.encode(),) if number else ()


class MemoryStore:
    """Reads, plans, keeps. `reads_ahead`: all months and answers at once, and not only what a plan
    turns out to miss.
    """

    def __init__(self, rules=(), *, reads_ahead=False):
        self.rules, self.reads_ahead = (
            sorted(rules, key=lambda rule: rule.in_force_from),
            reads_ahead,
        )
        self.people, self.cif_ids, self.accounts, self.cards = {}, {}, {}, {}
        self.heads, self.head_signatures = {}, {}
        self.checks, self.entries, self.keys = {}, {}, {}
        self.holds, self.usage = {}, {}  # by check; by customer and month
        # What indexes would find: none of it is kept apart from the entries.
        self.settled, self.answered = set(), set()
        self.posted, self.reversed_paise = {}, {}
        # Whom each was merged into, and who were ever connected.
        self.above, self.connected = {}, []

    def run(self, requests, at):
        """Answer a group at one instant."""
        outcomes, rows = self.plan(requests, at)
        self.keep(rows, at)
        return outcomes

    def plan(self, requests, at):
        known = self.read(requests, at)
        for _ in range(MOST_PLANS):
            try:
                return plan(requests, known)
            except Missing as missing:
                assert not self.reads_ahead
                self.read_more(known, missing)
        raise AssertionError("a plan misses ever more")

    # What is read.

    def read(self, requests, at):
        """Read what these requests name, and nothing else."""
        roots, kin = self._find_kin()
        customers = {each for r in requests for each in _list_named(r, kin)} & self.people.keys()
        owners = {(each, r.processor_id) for r in requests for each in _list_named(r, kin)}
        keys = self._pick(self.keys, _list_keys(requests))
        rows_of = {CHECK_OPERATION: set(), UPDATE_OPERATION: set()}
        for (operation, _, _), first in keys.items():
            rows_of[operation].add(first.row_id)
        checks = self._pick(self.checks, rows_of[CHECK_OPERATION])
        posted = self._pick(self.posted, _list_postings(requests, kin))
        accounts, cards = _list_instruments(requests, checks.values())
        known = Known(
            at,
            KEY,
            check_ids=range(FIRST_CHECK_ID + len(self.checks), 10**6),
            entry_ids=range(FIRST_ENTRY_ID + len(self.entries), 10**6),
            rules=self.rules,
            heads={customer: self.heads.get(customer, Head(customer)) for customer in customers},
            people=self._pick(self.people, customers),
            cif_ids=self._pick(self.cif_ids, owners),
            accounts=self._pick(self.accounts, accounts),
            cards=self._pick(self.cards, cards),
            used={customer: {} for customer in customers},
            holds=self._sum_holds(customers),
            keys=keys,
            checks=checks,
            entries=self._pick(self.entries, rows_of[UPDATE_OPERATION]),
            named_holds=self._pick(self.holds, checks),
            settled=self.settled & checks.keys(),
            posted=posted,
            reversed_paise=self._pick(self.reversed_paise, {each.id for each in posted.values()}),
            roots=roots,
            kin=kin,
        )
        for request in requests:
            self._choose_cif_id(known, request)
        if self.reads_ahead:
            self.read_more(known, self._list_all(known))
        return known

    def _find_kin(self):
        """Find whom the ids that merges ever connected mean, and who their kin are."""
        roots = {each: self.find_root(each) for kin in self.connected for each in kin}
        return roots, {
            each: tuple(dict.fromkeys([each, roots[each], *sorted(kin)]))
            for kin in self.connected
            for each in kin
        }

    def find_root(self, unique_id):
        while unique_id in self.above:
            unique_id = self.above[unique_id]
        return unique_id

    def merge(self, survivor, merged, at, name="MERGE-1"):
        """Merge one into another, as limits.services.moves has it planned."""
        self._move(merged, survivor, self.sum_entries(merged), [*self.holds.items()], at, name)
        self.above[merged] = survivor
        self.connected = [frozenset({survivor, merged})]

    def unmerge(self, survivor, merged, owned, at, name="UNMERGE-2"):
        """Part them again: what the merged one has, and its holds."""
        theirs = [
            (check_id, hold)
            for check_id, hold in self.holds.items()
            if self.checks[check_id].unique_id_sent == merged
        ]
        self._move(survivor, merged, owned, theirs, at, name)
        del self.above[merged]

    def _move(self, giver, taker, used, holds, at, name):
        amounts = tuple((*place, paise) for place, paise in sorted(used.items()))
        marker = ((at.year * 100 + at.month, DEBIT_DIRECTION, 0),)  # it says when, at least
        theirs = tuple((key, hold) for key, hold in holds if hold.customer_id == giver)
        move = ApprovedMove(giver, taker, name, amounts or marker, theirs)
        ((given, refusal),) = self.run([Request(move)], at)
        assert refusal is None
        return given

    def _choose_cif_id(self, known, request):
        said, by = request.said, request.processor_id
        for member in known.list_family(said.unique_id):
            if (member, by) in self.cif_ids:
                known.cif_ids[said.unique_id, by] = self.cif_ids[member, by]
                return

    def read_more(self, known, missing):
        customers = {customer for customer, _ in missing.months}
        sums = {customer: self.sum_entries(customer) for customer in customers}
        for customer, month in missing.months:
            used = known.used[customer]
            debit, credit = self._read_month(customer, month, sums)
            used[month, DEBIT_DIRECTION], used[month, CREDIT_DIRECTION] = debit, credit
        for _, check_id in missing.answers:
            known.answers[check_id] = check_id in self.answered

    def read_usage(self, customer, month):
        """Read the cached row; without one, sum up the entries."""
        return self._read_month(customer, month, {customer: self.sum_entries(customer)})

    def _read_month(self, customer, month, sums):
        own = sums[customer]
        summed = own[month, DEBIT_DIRECTION], own[month, CREDIT_DIRECTION]
        return self.usage.get((customer, month)) or summed

    def sum_entries(self, customer):
        """Sum up what is used, by month and direction."""
        sums = Counter()
        for entry in self.entries.values():
            if entry.customer_id == customer:
                effect = find_effect_paise(entry.kind, entry.amount_paise)
                sums[entry.month, entry.direction] += effect
        return sums

    def list_open_holds(self, customer, at):
        return [
            (hold.place.month, hold.place.direction, hold.amount_paise)
            for hold in self.holds.values()
            if hold.customer_id == customer and hold.place.expires_at > at
        ]

    def _list_all(self, known):
        """List all months that a customer has or may get entries in, and all answers."""
        missing = Missing()
        years = range(known.at.year - 1, known.at.year + 2)
        months = {year * 100 + month for year in years for month in range(1, 13)}
        months |= {entry.month for entry in self.entries.values()}
        missing.months = {(customer, month) for customer in known.people for month in months}
        missing.answers = {(check.customer_id, check.id) for check in known.checks.values()}
        return missing

    def _sum_holds(self, customers):
        sums = {customer: {} for customer in customers}
        for hold in self.holds.values():
            if hold.customer_id in customers:
                own = sums[hold.customer_id]
                own[hold.place] = own.get(hold.place, 0) + hold.amount_paise
        return sums

    @staticmethod
    def _pick(rows, names):
        return {name: rows[name] for name in names if name in rows}

    # What is kept.

    def keep(self, rows, at):
        """Write all rows of a plan, as the tables' constraints allow it."""
        for check in rows.checks:
            _insert(self.checks, check.id, check)
        for entry in rows.entries:
            self._append(entry)
        self._keep_holds(rows, at)
        for place, (debit, credit) in rows.usage.items():
            assert debit >= 0
            assert credit >= 0
            self.usage[place] = debit, credit
        for head, key_id, mac in rows.heads:
            self.heads[head.customer_id] = head
            self.head_signatures[head.customer_id] = key_id, mac
        for key, first in rows.keys:
            _insert(self.keys, key, first)

    def _keep_holds(self, rows, at):
        for check_id, hold in [*self.holds.items()]:
            if hold.customer_id in rows.expired and hold.place.expires_at <= at:
                del self.holds[check_id]
        for customer, check_id in rows.closed:
            hold = self.holds.pop(check_id, None)
            assert hold.customer_id == customer if hold else customer in rows.expired
        for check_id, hold in rows.opened.items():
            assert self.checks[check_id].hold_until == hold.place.expires_at
            _insert(self.holds, check_id, hold)

    def _append(self, entry):
        _insert(self.entries, entry.id, entry)
        if entry.limit_check_id:
            assert entry.limit_check_id in self.checks
            self.answered.add(entry.limit_check_id)
        if entry.kind == "S" and entry.limit_check_id:
            assert entry.limit_check_id not in self.settled
            self.settled.add(entry.limit_check_id)
        if entry.kind == "S" and entry.tran_id:
            place = entry.unique_id_sent, entry.processor_id, entry.tran_id, entry.direction
            _insert(self.posted, place, Posting(entry.id, entry.month, entry.amount_paise))
        is_taking_away = entry.kind == "A" and entry.amount_paise < 0
        assert entry.reverses_id or entry.kind != "R"
        if entry.reverses_id:
            assert entry.kind == "R" or is_taking_away
            assert entry.reverses_id in self.entries
            paise = self.reversed_paise.get(entry.reverses_id, 0) + abs(entry.amount_paise)
            self.reversed_paise[entry.reverses_id] = paise

    # What is verified.

    def verify(self):
        """List what is wrong with numbers, signatures and heads."""
        ring, problems = {KEY.id: KEY}, []
        said = {
            (operation, first.row_id): first.digests
            for (operation, _, _), first in self.keys.items()
        }
        walks = {
            customer: (Walk(ring, "check", is_linked=False), Walk(ring, "entry", mac_name="digest"))
            for customer in self.heads
        }
        kinds = ((self.checks, CHECK_OPERATION), (self.entries, UPDATE_OPERATION))
        for which, (rows, operation) in enumerate(kinds):
            for row in rows.values():
                walk, values = walks[row.customer_id][which], [make_plain(v) for v in row[1:-2]]
                digests = said.get((operation, row.id), b"")
                problems.append(walk.follow(values, row.number, *row[-2:], said=digests))
        for customer, head in self.heads.items():
            checks, entries = walks[customer]
            parts = [
                ("its checks", head.check_count, checks.count),
                ("its entries", head.entry_count, entries.count),
                ("its digest", head.last_digest, entries.last_mac),
            ]
            signed = [*(make_plain(value) for value in head), *self.head_signatures[customer]]
            problems.append(find_head_problem(ring, "head", signed, parts))
        return [problem for problem in problems if problem]


def _insert(rows, key, row):
    assert key not in rows, f"{key} is there already"
    rows[key] = row


def _list_keys(requests):
    keys = {request.key for request in requests if request.key}
    for request in requests:
        if isinstance(request.said, Report) and request.said.enquiry_ref_id:
            keys.add((CHECK_OPERATION, request.processor_id, request.said.enquiry_ref_id))
    return keys


def _list_named(request, kin):
    """List whom a request names, with their kin; of a move, both whom it is between."""
    said = request.said
    if isinstance(said, ApprovedMove):
        return [said.unique_id, said.taker_id]
    return kin.get(said.unique_id, (said.unique_id,))


def _list_postings(requests, kin):
    return {
        (owner, request.processor_id, request.said.tran_id, direction)
        for request in requests
        if isinstance(request.said, Report) and request.said.tran_id
        for owner in _list_named(request, kin)
        for direction in (DEBIT_DIRECTION, CREDIT_DIRECTION)
    }


def _list_instruments(requests, checks):
    """List the accounts and cards that are named, by requests or by the checks that they name."""
    accounts, cards = set(), set()
    for request in requests:
        if isinstance(request.said, Ask):
            owner = request.said.unique_id, request.processor_id
            accounts.add((*owner, request.said.account_number))
            cards |= {(*owner, digest) for digest in request.card_digests}
    accounts |= {(each.unique_id_sent, each.processor_id, each.account_number) for each in checks}
    return accounts, cards


def make_correction(unique_id, month, direction, paise, adjustment_id=1, **named):
    """`named`: the posting that it takes away of, by its entry's id and its Tran_Id."""
    said = ApprovedCorrection(unique_id, month, direction, paise, adjustment_id, **named)
    return Request(said)

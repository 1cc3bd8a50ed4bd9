"""Ten thousand operations, drawn at random, answered by the ledger as by a model of dictionaries.

A failure names its seed and what led to it; the same seed tells the same story again.
"""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import connection

from customers.details import CustomerDetails
from customers.services import customers
from limits.models import LedgerEntry, LimitCheck, MonthlyUsage
from limits.verify import verify
from ppims.core import clock
from ppims.core.errors import Conflict, Unavailable, UnknownCustomer
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import (
    make_check,
    make_posting,
    make_processor,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.property.corrections import correct_a_month, correct_a_posting
from tests.property.merging import merge_two, part_two
from tests.property.model import HOLD_MINUTES, Model, Refused

SEEDS, OPERATIONS = 24, 430
MONTH = {"MONTH": 1_000_000}
WITH_A_YEAR = {"MONTH": 1_000_000, "FINANCIAL_YEAR": 2_500_000}
ROWS = """SELECT (SELECT COUNT(*) FROM ppims_replaykey), (SELECT COUNT(*) FROM limits_limitcheck),
                 (SELECT COUNT(*) FROM limits_ledgerentry)"""
SUMS = """SELECT month, direction,
                 SUM(CASE kind WHEN 'F' THEN 0 WHEN 'R' THEN -1 ELSE 1 END * amount_paise)
          FROM limits_ledgerentry WHERE customer_id = %s GROUP BY month, direction"""
READ_CACHED = (
    "SELECT month, debit_paise, credit_paise FROM limits_monthlyusage WHERE customer_id = %s"
)
READ_HELD = """SELECT month, direction, amount_paise FROM limits_hold
          WHERE customer_id = %s AND expires_at > %s"""
READ_PROMISED = """
    SELECT asked.cumulative_paise, asked.available_paise, asked."limit",
           (SELECT COUNT(*) FROM limits_ledgerentry WHERE limit_check_id = asked.id)
    FROM limits_limitcheck asked JOIN limits_hold hold ON hold.limit_check_id = asked.id
    WHERE asked.processor_id = %s AND asked.ref_id = %s AND hold.expires_at > %s
        AND hold.expires_at = asked.hold_until AND hold.amount_paise = asked.amount_paise
"""
MOVES = (
    # how far the clock goes, and how often of a hundred
    (lambda r: timedelta(), 30),
    (lambda r: timedelta(milliseconds=r.randrange(1, 60_000)), 25),
    (lambda r: timedelta(minutes=r.randrange(1, 20)), 22),
    (lambda r: timedelta(minutes=15), 5),
    (lambda r: timedelta(hours=r.randrange(1, 30)), 7),
    (lambda r: timedelta(days=r.randrange(1, 12)), 4),
    (lambda r: timedelta(weeks=r.randrange(2, 7)), 2),
    (lambda r: -timedelta(seconds=r.randrange(1, 61)), 4),
    (lambda r: -timedelta(minutes=r.randrange(1, 90)), 1),
)


def add_year_rule(at):
    amount = WITH_A_YEAR["FINANCIAL_YEAR"]
    make_rule(tier="P", direction="D", window="FINANCIAL_YEAR", amount=amount, in_force_from=at)


class Story:
    """Random operations, each asked of the ledger and of the model."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.now = datetime(2025, 1 + seed % 12, 27, 12, tzinfo=UTC)
        limits = {(tier, direction): MONTH for tier in "NP" for direction in "DC"}
        if seed % 2:
            limits["P", "D"] = WITH_A_YEAR
            add_year_rule(datetime(2022, 1, 1, tzinfo=UTC))
        self.model = Model(limits)
        self.processors = {
            name: make_processor(name, hold_minutes=minutes if minutes != 15 else None)
            for name, minutes in HOLD_MINUTES.items()
        }
        self.details, self.asked, self.seen = {}, [], Counter()
        self.refs, self.changed_at = 0, self.now
        for _ in range(4):
            self.add()

    def go(self):
        move, *_ = self.draw.choices([m for m, _ in MOVES], [w for _, w in MOVES])
        # Back, but not to before a change of a person: verification would doubt what follows.
        self.now = max(self.now + move(self.draw), self.changed_at)
        acts = [self.check, self.update, self.repeat, self.add, self.change, self.lose_the_cache]
        more = [self.ask_at_a_holds_end, partial(correct_a_month, self)]
        more += [self.transfer, partial(correct_a_posting, self)]
        more += [partial(merge_two, self), partial(part_two, self)]
        act, *_ = self.draw.choices([*acts, *more], [34, 33, 21, 1, 3, 2, 6, 2, 2, 2, 2, 1])
        act()

    def draw_ref(self):
        self.refs += 1
        return f"P{self.refs:06d}"

    def draw_person(self):
        return self.draw.choice(
            [*self.details, 999_999_999_999_999] if self.draw_chance(2) else [*self.details]
        )

    def draw_chance(self, percent):
        return self.draw.randrange(100) < percent

    # What is done.

    def add(self):
        """A new person at one or two processors; one of them twice, and each request again."""
        number = len(self.details) + 1
        details = CustomerDetails(
            customer_name="Meera Iyer",
            mobile_number=f"9198{number:08d}",
            date_of_birth=date(1990, 1, 1 + number % 28),
            kyc_flag=self.draw.choice("NPPPF"),
            kyc_updated_channel="PGO",
        )
        known_by = self.draw.sample(sorted(self.processors), self.draw.choice([1, 2, 2, 2]))
        ids, codes = set(), []
        for name in [*known_by, known_by[0]]:
            call = Call(
                self.processors[name], Operation.ADD_CUSTOMER, self.draw_ref(), {"who": "her"}
            )
            with clock.freeze(self.now):
                receipt, is_replay = customers.add_customer(call=call, details=details)
                again = customers.add_customer(call=call, details=details)
            assert (is_replay, again) == (False, (receipt, True))
            ids.add(receipt.unique_id)
            codes.append(receipt.resp_code)
        assert (len(ids), codes) == (1, ["000"] * len(known_by) + ["200"])
        (uid,) = ids
        self.details[uid] = details
        state = {"tier": details.kyc_flag, "blocked": False, "at": set(known_by), "last": None}
        state["created"] = self.now
        self.model.people[uid] = state

    def change(self):
        """Another tier, or blocked and unblocked: as staff may, at any moment."""
        uid = self.model.find_root(self.draw.choice([*self.details]))
        state = self.model.people[uid]
        if state["last"] and self.now < state["last"]:
            return  # by the clock before what has happened: verification would doubt that
        self.changed_at = self.now
        with clock.freeze(self.now):
            if self.draw_chance(50):
                state["tier"] = self.draw.choice("NPPF")
                set_tier(uid, state["tier"])
            else:
                state["blocked"] = not state["blocked"]
                set_blocked(uid, blocked=state["blocked"])

    def lose_the_cache(self):
        MonthlyUsage.objects.filter(customer_id=self.draw_person()).delete()

    def check(self):
        name, uid = self.draw.choice(sorted(self.processors)), self.draw_person()
        direction = self.draw.choice("DDDC")
        self.ask("check", name, self.draw_ref(), uid, direction, self.draw_amount(uid, direction))

    def update(self):
        """An S, F or R; of a check that is there, mostly, and told rightly, mostly."""
        kind = self.draw.choices("SFR", [60, 22, 18])[0]
        of_a_posting = kind == "R" and not self.draw_chance(10)
        chosen = self.draw_posting() if of_a_posting else self.draw_check()
        if chosen is None or self.draw_chance(6):
            uid, direction = self.draw_person(), self.draw.choice("DC")
            name, enquiry = self.draw.choice(sorted(self.processors)), self.draw.choice([None, "X"])
            amount, tran = self.draw_amount(uid, direction), self.draw_tran_id()
        else:
            name, enquiry, uid, direction, amount, tran = chosen
        if self.draw_chance(4):
            uid = self.draw_person()
        if self.draw_chance(4):
            direction = {"D": "C", "C": "D"}[direction]
        if self.draw_chance(12):
            amount = self.draw_amount(uid, direction)
        if self.draw_chance(4):
            name = self.draw.choice(sorted(self.processors))
        tran = tran or (f"T{self.refs}" if kind == "R" else None)
        self.ask("update", name, self.draw_ref(), uid, kind, direction, amount, tran, enquiry)

    def transfer(self):
        """The other half, by the same number, of what was posted; or undone, rightly or not."""
        posting = self.draw_posting()
        if posting is None:
            return
        name, _, uid, direction, amount, tran = posting
        other = {"D": "C", "C": "D"}[direction]
        for kind in ("S", self.draw.choice("RF")):
            self.ask("update", name, self.draw_ref(), uid, kind, other, amount, tran, None)

    def repeat(self):
        """Any earlier request, as it was or with a field changed; also one that was refused."""
        if not self.asked:
            return
        recent = self.asked[-12:] if self.draw_chance(60) else self.asked
        operation, *said = self.draw.choice(recent)
        if self.draw_chance(8):
            said[-3 if operation == "update" else -1] += 1
        if self.draw_chance(4):
            said[2] = self.draw_person()
        self.ask(operation, *said)

    def ask_at_a_holds_end(self):
        """In the last instant of a hold or just after it: the check again, another, or its S."""
        known = [
            (key, c) for key, c in self.model.checks.items() if self.model.is_open(c, self.now)
        ]
        if not known:
            return
        (name, ref), c = self.draw.choice(known)
        self.now = c["until"] - timedelta(microseconds=self.draw.choice([0, 0, 1]))
        asked = [c["uid"], c["direction"], c["amount"]]
        if self.draw_chance(40):
            self.ask("check", name, ref, *asked)
        elif self.draw_chance(50):
            self.ask("check", name, self.draw_ref(), *asked[:2], self.draw_amount(*asked[:2]))
        else:
            self.ask("update", name, self.draw_ref(), asked[0], "S", *asked[1:], None, ref)

    # What is drawn.

    def draw_amount(self, uid, direction):
        amounts = [1, 10_000, 99_999, 250_000, 333_333, 600_000, 1_000_000, 1_000_001]
        if uid in self.model.people:
            _, left = self.model.find_figures(uid, direction, self.now)
            amounts += [max(1, (left or 0) + more) for more in (-1, 0, 0, 1)]
        return self.draw.choice(amounts)

    def draw_check(self):
        """Of a check: its processor, ref, person, direction and amount; and some Tran_Id."""
        known = [*self.model.checks.items()]
        if not known:
            return None
        (name, ref), c = self.draw.choice(known[-8:] if self.draw_chance(75) else known)
        return name, ref, c["uid"], c["direction"], c["amount"], self.draw_tran_id()

    def draw_tran_id(self):
        known = [e["tran"] for e in self.list_entries() if e["tran"]]
        if known and self.draw_chance(5):
            return self.draw.choice(known)
        return f"T{self.refs}" if self.draw_chance(70) else None

    def list_entries(self):
        return [entry for own in self.model.entries.values() for entry in own]

    def draw_posting(self):
        known = [e for e in self.list_entries() if e["kind"] == "S" and e["tran"]]
        if not known:
            return None
        e = self.draw.choice(known[-8:] if self.draw_chance(75) else known)
        amount = e["amount"] if self.draw_chance(60) else max(1, e["amount"] // 3)
        return e["processor"], None, e["uid"], e["direction"], amount, e["tran"]

    # What is compared.

    def ask(self, operation, *said):
        self.asked.append((operation, *said))
        ledger = {"check": self.expect_check, "update": self.expect_update}[operation]
        model = {"check": self.model.check, "update": self.model.update}[operation]
        uid = said[2]
        rows = self.read_rows()
        with clock.freeze(self.now):
            answer = ledger(*said)
        try:
            expected = model(*said, now=self.now)
        except Refused as refused:
            expected = refused.args
        assert answer == expected, (operation, said, self.now)
        kept_nothing = isinstance(expected[0], str) or expected[-1] or "HOLD_" in str(expected[1])
        assert (self.read_rows() == rows) == bool(kept_nothing)
        self.count(operation, expected, said)
        if isinstance(expected[0], int) and operation == "update" and not expected[-1]:
            self.note_posting(said)
        if uid in self.model.people:
            for each in {uid, self.model.find_root(uid)}:
                self.compare_what_stands(each)
            if operation == "check" and expected[0] is True:
                self.compare_what_is_promised(said[0], said[1], uid)

    def note_posting(self, said):
        """Keep the key of an entry, for corrections that name it."""
        name, ref, *_ = said
        key = LedgerEntry.objects.get(processor=self.processors[name], ref_id=ref).pk
        newest = [own[-1] for own in self.model.entries.values() if own and "key" not in own[-1]]
        (entry,) = [e for e in newest if e["kind"] != "A"]
        entry["key"] = key

    def read_rows(self):
        return self.read(ROWS)

    def expect_check(self, name, ref, uid, direction, paise):
        return self.tell(make_check, name, uid, paise, direction, ref_id=ref)

    def expect_update(self, name, ref, uid, kind, direction, paise, tran, enquiry):
        more = {"kind": kind, "ref_id": ref, "tran_id": tran, "enquiry": enquiry}
        return self.tell(make_posting, name, uid, paise, direction=direction, **more)

    def tell(self, service, name, *said, **more):
        try:
            row, is_replay = service(self.processors[name], *said, **more)
        except Conflict as conflict:
            return "conflict", sorted(field for field, _ in conflict.errors)
        except UnknownCustomer:
            return "unknown", []
        except Unavailable:
            return "unavailable", []
        figures = row.cumulative_paise, row.available_paise
        if isinstance(row, LimitCheck):
            return row.is_allowed, row.reason, *figures, row.hold_until, is_replay
        return row.month, row.flag_list, *figures, is_replay

    def count(self, operation, answer, said):
        self.seen["tran_type"] += answer == ("conflict", ["tran_type"])
        what = answer[1] if isinstance(answer[1], str) else answer[0]
        if operation == "update" and not isinstance(answer[0], str):
            what = said[3]
            self.seen.update(answer[1])
        self.seen[what] += 1
        self.seen["replayed"] += answer[-1] is True

    def compare_what_stands(self, uid):
        """The ledger's sums are the model's, and what is cached of them is so too."""
        at = max(self.now, self.model.people[uid]["last"] or self.now)
        used = Counter()
        for month, direction, paise in self.read(SUMS, uid):
            used[month, direction] = paise
        for direction in "DC":
            of_model = self.model.sum_used(uid, direction)
            of_ledger = {m: paise for (m, d), paise in used.items() if d == direction and paise}
            assert {m: paise for m, paise in of_model.items() if paise} == of_ledger
        for month, debit, credit in self.read(READ_CACHED, uid):
            assert (debit, credit) == (used[month, "D"], used[month, "C"])
        open_holds = [
            (c["month"], c["direction"], c["amount"]) for c in self.model.open_holds(uid, at)
        ]
        assert sorted(self.read(READ_HELD, uid, read_stored(at))) == sorted(open_holds)

    def compare_what_is_promised(self, name, ref, uid):
        """Who is told T has an open hold; at its first T, used and held are within the limit."""
        at = max(self.now, self.model.people[self.model.find_root(uid)]["last"])
        asked = [self.processors[name].pk, ref, read_stored(at)]
        ((shown, left, limit, answers),) = self.read(READ_PROMISED, *asked)
        assert answers == 0
        if limit is not None:
            assert shown + left == limit

    def read(self, sql, *arguments):
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall()


def read_stored(at):
    return connection.ops.adapt_datetimefield_value(at)


ALWAYS_SEEN = {
    *("WITHIN_LIMITS", "MONTH_LIMIT", "HOLD_CLOSED", "HOLD_EXPIRED", "CUSTOMER_BLOCKED"),
    *("S", "F", "R", "A", "conflict", "unavailable", "replayed", "tran_type"),
    *("A of a posting", "merged", "parted"),
    *("LATE", "DECLINED", "UNCHECKED", "AMOUNT_DIFFERS", "OVER_LIMIT"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_ledger_answers_as_the_model_does(seed):
    story = Story(seed)
    for _ in range(OPERATIONS):
        story.go()
    with clock.freeze(story.now):
        assert [str(finding) for finding in verify()] == []
    missing = ALWAYS_SEEN - {what for what, times in story.seen.items() if times}
    assert len(missing) <= 3, missing

"""The cached sums are deleted, all of them again and again, while others check, post and reverse:
no answer is another.
"""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.concurrency.conftest import draw_ref
from tests.property.model import Model, Refused

WRITERS, PEOPLE_EACH, OPERATIONS, SHARED_PERCENT = 3, 2, 40, 25
YEAR, MONTH = 2_500_000, 1_000_000
LIMITS = {("N", "D"): {"MONTH": MONTH, "FINANCIAL_YEAR": YEAR}, ("N", "C"): {"MONTH": MONTH}}
START = datetime(2025, 11, 20, 6, tzinfo=UTC)
USAGE = """
    SELECT customer_id, month, debit_paise, credit_paise FROM limits_monthlyusage
    ORDER BY customer_id, month
"""
SUMS = """
    SELECT customer_id, month,
           SUM(CASE direction WHEN 'D' THEN amount_paise * sign ELSE 0 END),
           SUM(CASE direction WHEN 'C' THEN amount_paise * sign ELSE 0 END)
    FROM (SELECT *, CASE kind WHEN 'R' THEN -1 ELSE 1 END AS sign FROM limits_ledgerentry
          WHERE kind <> 'F') signed
    GROUP BY customer_id, month ORDER BY customer_id, month
"""


class Life:
    """What one customer does over a winter and a spring, and how the model answers it."""

    def __init__(self, customer):
        self.customer = customer
        self.draw = random.Random(customer)
        self.now = START
        self.model = Model(LIMITS)
        self.model.people[customer] = {"tier": "N", "blocked": False, "at": {"ENT"}, "last": None}
        self.steps, self.expected, self.checks, self.posted = [], [], [], []
        for _ in range(OPERATIONS):
            days = self.draw.choice([0, 0, 0, 0, 0, 4, 9])
            self.now += timedelta(days=days, seconds=self.draw.randrange(1, 200))
            self.draw.choice([self.check, self.check, self.report, self.report, self.undo])()

    def check(self):
        ref, direction = draw_ref(), self.draw.choice("DDC")
        paise = self.draw.choice([10_000, 77_777, 250_000, 600_000])
        answer = self.model.check("ENT", ref, self.customer, direction, paise, now=self.now)
        allowed, reason, total, left, _, is_replay = answer
        said = ["check", "ENT", ref, self.customer, paise, direction]
        self.keep(said, ["T" if allowed else "F", reason, total, left, is_replay])
        self.checks.append((ref, direction, paise))

    def report(self):
        """An S or F of a check, or an S of none."""
        ref, direction, paise = None, self.draw.choice("DC"), 33_333
        if self.checks:
            ref, direction, paise = self.checks.pop()
        self.update(self.draw.choice("SSSF"), direction, paise, f"T{len(self.steps)}", ref)

    def undo(self):
        """Reverse some of a posting, of whatever month."""
        if self.posted:
            tran_id, direction, paise = self.draw.choice(self.posted)
            self.update("R", direction, max(1, paise // 3), tran_id, None)

    def update(self, kind, direction, paise, tran_id, enquiry):
        ref = draw_ref()
        said = self.customer, kind, direction, paise, tran_id, enquiry
        try:
            answer = [*self.model.update("ENT", ref, *said, now=self.now)]
        except Refused as refused:
            answer = ["Conflict", refused.args[1]]
        if kind == "S" and answer[0] != "Conflict":
            self.posted.append((tran_id, direction, paise))
        step = ["post", "ENT", ref, self.customer, paise, kind, enquiry, tran_id, direction]
        self.keep(step, answer)

    def keep(self, step, answer):
        self.steps.append(["at", self.now.isoformat(), *step])
        self.expected.append(answer)


def read_heard(step, answer):
    """Leave out an entry's own number: the model has none."""
    return answer[1:] if step[2] == "post" and answer[0] != "Conflict" else answer


def add_customer(made, tier):
    ((_, customer),) = made.workers[0].ask(
        ["add", "ENT", draw_ref(), f"9196{draw_ref()[1:]}", tier]
    )
    return customer


@pytest.fixture(scope="module")
def five(installation):
    installation.start(WRITERS + 2)
    installation.workers[0].ask(["limit_the_year", "N", "D", YEAR])
    return installation


@pytest.mark.parametrize("is_rebuilt", [False, True], ids=["left alone", "rebuilt meanwhile"])
def test_no_answer_differs_while_what_is_cached_is_lost_and_rebuilt(five, tmp_path, is_rebuilt):
    writers = [[Life(add_customer(five, "N")) for _ in range(PEOPLE_EACH)] for _ in range(WRITERS)]
    shared, ended = add_customer(five, "P"), tmp_path / "ended"
    *_, loser, rebuilder = five.workers[: WRITERS + 2]
    loser.send([["until", str(ended), "lose_usage"]])
    rebuilder.send([["until", str(ended), "rebuild"]] if is_rebuilt else [])
    told = [
        [step for each in lives for step in each.steps]
        + [["post", "ENT", draw_ref(), shared, 100] for _ in range(SHARED_PERCENT)]
        for lives in writers
    ]
    answers = five.run_at_once(*told)
    ended.touch()
    (lost,) = loser.receive()
    rebuilder.receive()

    for lives, steps, said in zip(writers, told, answers, strict=True):
        expected = [answer for each in lives for answer in each.expected]
        found = [read_heard(step, answer) for step, answer in zip(steps, said, strict=True)]
        assert found[: len(expected)] == expected
    # Of the one whom all of them posted for, each heard another sum.
    totals = sorted(answer[3] for said in answers for answer in said[-SHARED_PERCENT:])
    assert totals == list(range(100, (WRITERS * SHARED_PERCENT + 1) * 100, 100))
    assert sum(lost) > 5
    sums = five.query(SUMS)
    assert set(five.query(USAGE)) <= set(sums)
    rebuilder.ask(["rebuild"])
    assert five.query(USAGE) == sums
    assert rebuilder.ask(["verify"]) == [[]]

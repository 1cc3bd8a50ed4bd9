"""Several processes at one database: no rupee is promised twice, and none is lost."""

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.concurrency.conftest import draw_ref

LIMIT, HUNDRED_RUPEES = 1_000_000, 10_000
ROUNDS, PAIRS = 20, 200

USED_AND_HELD = """
    SELECT (SELECT COALESCE(SUM(CASE kind WHEN 'S' THEN amount_paise WHEN 'R' THEN -amount_paise ELSE 0 END), 0)
            FROM limits_ledgerentry WHERE customer_id = ?),
           (SELECT COALESCE(SUM(amount_paise), 0) FROM limits_hold
            WHERE customer_id = ? AND expires_at > ?)
"""  # noqa: E501


class Sampler(threading.Thread):
    """Reads used + held of one customer, again and again, as anyone may while others write."""

    def __init__(self, installation, customer):
        super().__init__()
        self.kind = installation.database
        self.database = self.kind.connect()
        self.customer = customer
        self.samples = Counter()
        self.ended = threading.Event()

    def read(self):
        at = self.kind.read_instant(datetime.now(UTC))
        rows = self.kind.execute(self.database, USED_AND_HELD, self.customer, self.customer, at)
        used, held = rows.fetchone()
        return used, held

    def run(self):
        while not self.ended.is_set():
            self.samples[sum(self.read())] += 1
            time.sleep(0.002)

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def __enter__(self):
        self.start()
        return self


@pytest.fixture
def four(installation):
    installation.start(4)
    return installation


def make_holding_step(n, customer):
    """A check; one of five is reported at once, so that holds become postings meanwhile."""
    what = "check" if n % 5 else "check_and_post"
    return [what, ("ENT", "CBS")[n % 2], draw_ref(), customer, HUNDRED_RUPEES]


def test_of_two_hundred_holds_at_once_exactly_those_within_the_limit_are_allowed(four):
    for _ in range(ROUNDS):
        customer = four.add_customer()
        steps = [[make_holding_step(n, customer) for n in range(50)] for _ in range(4)]
        with Sampler(four, customer) as sampler:
            said = [answer for answers in four.run_at_once(*steps) for answer in answers]
        allowed = [answer for answer in said if answer[0] == "T"]
        assert (len(allowed), len(said)) == (100, 200)
        assert {tuple(answer[:2]) for answer in said} == {
            ("T", "WITHIN_LIMITS"),
            ("F", "MONTH_LIMIT"),
        }
        # each of them was told another rupee
        assert sorted(answer[2] for answer in allowed) == list(
            range(HUNDRED_RUPEES, LIMIT + 1, HUNDRED_RUPEES)
        )
        used, held = sampler.read()
        sampler.database.close()
        assert (used + held, max(sampler.samples)) == (LIMIT, LIMIT)
        assert used > 0
        assert sum(sampler.samples.values()) >= 10


def test_one_update_sent_a_hundred_times_is_one_entry_and_one_answer(four):
    customer, ref = four.add_customer(), draw_ref()
    same = ["post", "ENT", ref, customer, 5_000, "S", None, "T1"]
    said = [answer for answers in four.run_at_once(*[[same] * 25] * 4) for answer in answers]
    assert len({repr(answer[:-1]) for answer in said}) == 1
    assert Counter(answer[-1] for answer in said) == {True: 99, False: 1}
    rows = "SELECT number, amount_paise FROM limits_ledgerentry WHERE customer_id = ?"
    assert four.query(rows, customer) == [(1, 5_000)]
    usage = "SELECT debit_paise FROM limits_monthlyusage WHERE customer_id = ?"
    assert four.query(usage, customer) == [(5_000,)]


def test_one_check_sent_a_hundred_times_is_one_hold_and_one_answer(four):
    customer, ref = four.add_customer(), draw_ref()
    same = ["check", "CBS", ref, customer, LIMIT]
    said = [answer for answers in four.run_at_once(*[[same] * 25] * 4) for answer in answers]
    assert {tuple(answer[:-1]) for answer in said} == {("T", "WITHIN_LIMITS", LIMIT, 0)}
    assert Counter(answer[-1] for answer in said) == {True: 99, False: 1}
    assert four.query("SELECT amount_paise FROM limits_hold WHERE customer_id = ?", customer) == [
        (LIMIT,)
    ]


def race(installation, customer, refs):
    """Two processes: one posts, the other says that it failed; who is a little earlier is drawn."""
    draw = random.Random(20261120)
    for ref in refs:
        start = time.time() + 0.008
        both = [
            [
                ["wait_until", start + draw.uniform(0, 0.012)],
                ["post", "ENT", draw_ref(), customer, 1_000, kind, ref],
            ]
            for kind in "SF"
        ]
        (_, posted), (_, failed) = installation.run_at_once(*both, ahead=0)
        yield posted, failed


def test_an_s_and_an_f_racing_for_one_check_come_to_one_of_two_ends(four):
    customer = four.add_customer()
    refs = [draw_ref() for _ in range(PAIRS)]
    checked = four.workers[0].ask(*[["check", "ENT", ref, customer, 1_000] for ref in refs])
    assert {answer[0] for answer in checked} == {"T"}
    ends = Counter()
    for posted, failed in race(four, customer, refs):
        flags = posted[2]
        if failed[0] == "Conflict":
            assert (failed[1], flags) == (["enquiry_ref_id"], [])
            ends["the S was first"] += 1
        else:
            assert (failed[2], flags) == ([], ["LATE"])
            ends["the F was first"] += 1
    assert sum(ends.values()) == PAIRS
    assert len(ends) == 2, ends
    each = """SELECT ref_id, (SELECT SUM(amount_paise) FROM limits_ledgerentry e
                              WHERE e.limit_check_id = c.id AND e.kind = 'S')
              FROM limits_limitcheck c WHERE customer_id = ? ORDER BY number"""
    assert four.query(each, customer) == [(ref, 1_000) for ref in refs]
    usage = "SELECT debit_paise FROM limits_monthlyusage WHERE customer_id = ?"
    assert four.query(usage, customer) == [(PAIRS * 1_000,)]
    assert four.query("SELECT * FROM limits_hold WHERE customer_id = ?", customer) == []


@pytest.mark.parametrize(
    ("second", "codes"), [("CBS", ["000", "000"]), ("ENT", ["000", "200"])], ids=["two", "one"]
)
def test_one_person_added_by_two_processes_at_once_is_one_customer(four, second, codes):
    for number in range(20):
        mobile = f"9197{number:07d}{len(second) + (second == 'ENT')}"
        adds = [[["add", name, draw_ref(), mobile]] for name in ("ENT", second)]
        ((one,), (other,)) = four.run_at_once(*adds)
        assert one[1] == other[1]
        assert sorted([one[0], other[0]]) == codes
        rows = "SELECT unique_id FROM customers_customer WHERE mobile = ?"
        assert four.query(rows, mobile) == [(one[1],)]
        registrations = "SELECT COUNT(*) FROM customers_registration WHERE customer_id = ?"
        assert four.query(registrations, one[1]) == [(codes.count("000"),)]

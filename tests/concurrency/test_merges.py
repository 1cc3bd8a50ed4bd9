"""Merges and un-merges race checks and updates by either Unique_Id: no rupee is lost, no hold is
left with nobody, and no limit is broken without a flag.
"""

import os
import random
from collections import Counter

import pytest

from tests.concurrency.conftest import draw_ref

ROUNDS = int(os.environ.get("PPIMS_TEST_MERGES", "12"))  # two hundred in the long form
STEPS, LIMIT = 10, 1_000_000
AMOUNTS = (10_000, 45_000, 260_000)  # together they come to more than the limit
EFFECT = "CASE kind WHEN 'F' THEN 0 WHEN 'R' THEN -amount_paise ELSE amount_paise END"
READ_POSTED = f"""
    SELECT month, SUM({EFFECT}) FROM limits_ledgerentry
    WHERE customer_id IN (?, ?) AND kind IN ('S', 'R') GROUP BY month ORDER BY month
"""
READ_USED = """
    SELECT month, SUM(debit_paise) FROM limits_monthlyusage
    WHERE customer_id IN (?, ?) GROUP BY month ORDER BY month
"""
READ_USED_OF_EACH = "SELECT debit_paise FROM limits_monthlyusage WHERE customer_id = ?"
READ_HELD = "SELECT COALESCE(SUM(amount_paise), 0) FROM limits_hold WHERE customer_id = ?"
READ_HOLDS = """
    SELECT c.unique_id_sent, h.customer_id FROM limits_hold h
    JOIN limits_limitcheck c ON c.id = h.limit_check_id WHERE h.customer_id IN (?, ?)
"""
COUNT_FLAGGED = """
    SELECT COUNT(*) FROM limits_ledgerentry
    WHERE customer_id = ? AND REPLACE(flags, 'OVER_LIMIT', '') <> flags
"""
COUNT_BOOKED = """
    SELECT customer_id = unique_id_sent, COUNT(*) FROM limits_ledgerentry
    WHERE kind = 'S' AND unique_id_sent = ? GROUP BY 1
"""
COUNT_UNANSWERED = """
    SELECT COUNT(*) FROM limits_limitcheck c WHERE c.customer_id IN (?, ?) AND c.is_allowed = {yes}
        AND NOT EXISTS (SELECT 1 FROM limits_ledgerentry e WHERE e.limit_check_id = c.id)
"""


@pytest.fixture
def four(installation):
    installation.start(4)
    return installation


def draw_steps(draw, customers):
    """What a processor does, by either id: checks that are answered at once, later or never; some
    that come together; every other operation; and now and then nothing, so that a merge comes
    through at SERIALIZABLE too.
    """
    steps = []
    for _ in range(STEPS):
        name, who = draw.choice(("ENT", "CBS")), draw.choice(customers)
        if draw.random() < 0.2:
            asked = [[draw_ref(), each, 10_000] for each in (*customers, who)]
            steps.append(["check_together", name, *asked])
            continue
        if draw.random() < 0.2:
            steps.append(["ask_person", name, draw_ref(), who])
            continue
        if draw.random() < 0.3:
            steps.append(["wait", 0.1])
        what = draw.choice(("check", "check_and_post", "check_and_post", "undo"))
        steps.append([what, name, draw_ref(), who, draw.choice(AMOUNTS)])
    return steps


def test_merges_race_checks_and_updates(four):
    draw, ends = random.Random(20261127), Counter()
    for number in range(ROUNDS):
        older, younger = four.add_customer(), four.add_customer()
        merging = [["merge", older, younger], ["unmerge", younger], ["merge", older, younger]]
        if number % 2:
            merging.append(["unmerge", younger])
        pairs = [draw_steps(draw, (older, younger)) for _ in range(3)]
        *said, _ = four.run_at_once(*pairs, merging)
        answers = [answer for each in said for answer in each]
        assert "Conflict" not in {answer[0] for answer in answers}
        for _, ids, *said in (answer for answer in answers if answer[0] == "person"):
            assert {*ids} <= {older, younger}
            assert said == ["200", True]
            ends["person"] += 1
        ends.update(answer[1] for answer in answers if answer[0] in {"T", "F"})
        for own, count in four.query(COUNT_BOOKED, younger):
            ends["while two" if own else "while one"] += count
        require_conserved(four, older, younger, is_one=not number % 2)
    assert ends["WITHIN_LIMITS"] > ROUNDS * STEPS
    assert ends["person"] > ROUNDS
    assert ends["MONTH_LIMIT"] > 0
    assert min(ends["while two"], ends["while one"]) > 0, ends
    assert four.workers[0].ask(["verify"]) == [[]]


def require_conserved(installation, older, younger, *, is_one):
    query, both = installation.query, (older, younger)
    posted = [(month, int(paise)) for month, paise in query(READ_POSTED, *both)]
    assert [(month, int(paise)) for month, paise in query(READ_USED, *both)] == posted
    holds = query(READ_HOLDS, *both)
    assert [who for who in holds if who[1] != (older if is_one else who[0])] == []
    yes = "1" if installation.database.holding == "BEGIN IMMEDIATE" else "TRUE"
    assert query(COUNT_UNANSWERED.format(yes=yes), *both) == [(len(holds),)]
    for customer in both:
        used = sum(paise for (paise,) in query(READ_USED_OF_EACH, customer))
        held = int(query(READ_HELD, customer)[0][0])
        flagged = query(COUNT_FLAGGED, customer)[0][0]
        # Each of two within the limit brings its holds along: what they come to is no posting yet.
        most = 2 * LIMIT if is_one else LIMIT
        assert used <= LIMIT or flagged, (customer, used)
        assert used + held <= most or flagged, (customer, used, held)
        assert is_one is False or customer == older or used == held == 0

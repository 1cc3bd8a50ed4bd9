"""A connection that is cut: each answer is a 503 or the truth, and one Ref_Id has one effect."""

import random
from collections import Counter
from itertools import count

import pytest

from tests.concurrency.conftest import draw_ref, install
from tests.postgresql.proxy import Proxied, is_no_commit

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no connection to cut")
CUTS, AMOUNT, LIMIT = 200, 100, 1_000_000
COUNT_POSTED = "SELECT COUNT(*), SUM(amount_paise), MAX(number) FROM limits_ledgerentry"
ITS_ENTRIES = f"{COUNT_POSTED} WHERE customer_id = ?"
ITS_USAGE = "SELECT debit_paise FROM limits_monthlyusage WHERE customer_id = ?"
COUNT_CHECKED = (
    "SELECT COUNT(*), COUNT(DISTINCT ref_id) FROM limits_limitcheck WHERE customer_id = ?"
)
HEAD = "SELECT entry_count, check_count FROM limits_ledgerhead WHERE customer_id = ?"
KEYS = "SELECT COUNT(*) FROM ppims_replaykey WHERE customer_id = ? AND operation IN ('CL', 'UL')"


@pytest.fixture(scope="module")
def cut(tmp_path_factory, postgres_server):
    database = Proxied(postgres_server)
    with install(tmp_path_factory.mktemp("cut"), database) as made:
        yield made
    database.remove()


def do_once(made, step):
    ((answer, _, _),) = made.workers[0].ask(["once", "", 0, *step])
    return answer


def test_two_hundred_commits_cut_have_one_effect_or_none_and_are_never_lied_about(cut):
    draw, proxy = random.Random(20261125), cut.database.proxy
    customers = [cut.add_customer() for _ in range(4)]
    cuts_before, done, after = proxy.cuts, Counter(), Counter()
    for number in range(CUTS):
        customer = customers[number % len(customers)]
        what = draw.choice(["check", "post"])
        step = [what, "ENT", draw_ref(), customer, AMOUNT]
        when = draw.choice(["before", "after"])
        proxy.cut(when)
        assert do_once(cut, step) == "Unavailable"
        answer = do_once(cut, step)  # healed, and finds out
        assert answer[-1] is (when == "after")
        assert do_once(cut, step)[:-1] == answer[:-1]
        done[customer, what] += 1
        after[when] += 1
    assert proxy.cuts - cuts_before == CUTS
    assert min(after.values()) > CUTS / 4
    for customer in customers:
        checks, posts = done[customer, "check"], done[customer, "post"]
        assert cut.query(ITS_ENTRIES, customer) == [(posts, posts * AMOUNT, posts)]
        assert cut.query(ITS_USAGE, customer) == [(posts * AMOUNT,)]
        assert cut.query(COUNT_CHECKED, customer) == [(checks, checks)]
        assert cut.query(HEAD, customer) == [(posts, checks)]
        assert cut.query(KEYS, customer) == [(posts + checks,)]
    cut.manage("verify_ledger")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_before_its_commit_is_answered_and_done_once(cut, when):
    """What is read is read again. What is written goes with COMMIT: it may be there or not, and is
    found by its Ref_Id.
    """
    customer, proxy, answered = cut.add_customer(), cut.database.proxy, Counter()
    for number in count(1):
        cuts = proxy.cuts
        proxy.cut(when, at=is_no_commit, number=number)
        step = ["post", "ENT", draw_ref(), customer, AMOUNT]
        answer = do_once(cut, step)
        answered[answer == "Unavailable"] += 1
        answer = do_once(cut, step) if answer == "Unavailable" else answer
        used = number * AMOUNT
        assert answer[3:5] == [used, LIMIT - used]
        assert cut.query(ITS_ENTRIES, customer) == [(number, used, number)]
        if proxy.cuts == cuts:
            break
    proxy.cut_nowhere()
    assert number > 3
    assert min(answered.values()) > 0

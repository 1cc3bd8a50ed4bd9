"""Which limit rules are in force, and when loading stops: asked in one place by all."""

from datetime import UTC, datetime, timedelta

import pytest

from limits import decision, queries
from limits.decision import Rule
from ppims.core import calendar
from tests.factories import make_rule

pytestmark = pytest.mark.django_db
AT = datetime(2030, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def add_rule(amount, start, *, tier="F", window="MONTH"):
    return make_rule(tier=tier, direction="D", window=window, amount=amount, in_force_from=start)


def find_amounts(at):
    return {rule.amount for rule in queries.find_rules("F", "D", at)}


def test_a_rule_counts_from_its_very_start_until_its_successors():
    add_rule(500, AT)
    add_rule(700, AT + timedelta(days=1))
    assert find_amounts(AT - MICROSECOND) == set()
    assert find_amounts(AT) == {500}
    assert find_amounts(AT + timedelta(days=1) - MICROSECOND) == {500}
    assert find_amounts(AT + timedelta(days=1)) == {700}


def test_of_two_with_one_start_the_later_one_counts():
    add_rule(500, AT)
    later = add_rule(700, AT)
    assert find_amounts(AT) == {700}
    assert later in queries.list_in_force(AT)


def test_a_rule_without_an_amount_is_in_force_and_no_limit():
    add_rule(500, AT)
    no_limit = add_rule(None, AT + MICROSECOND)
    assert find_amounts(AT + MICROSECOND) == set()
    assert no_limit in queries.list_in_force(AT + MICROSECOND)


def test_the_starts_are_told_once_each_in_their_order():
    known = queries.list_rule_starts()
    for start in (AT + MICROSECOND, AT, AT):
        add_rule(500, start)
    assert queries.list_rule_starts() == [*known, AT, AT + MICROSECOND]


def test_the_rule_whose_place_another_would_take_is_of_the_same_tier_direction_and_window():
    first = add_rule(500, AT)
    add_rule(600, AT, tier="P")
    add_rule(700, AT, window="TRANSACTION")
    second = add_rule(800, AT + MICROSECOND)
    assert queries.find_rule_before(second, AT) == first
    assert queries.find_rule_before(second, AT + MICROSECOND) == first  # whose place it has taken
    assert queries.find_rule_before(first, AT - MICROSECOND) is None


def test_loading_stops_at_midnight_in_india_so_many_months_after_the_tier():
    rules = [Rule(1, "MONTH", 500), Rule(2, "CREDIT_STOP", 24)]
    since = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)  # 1 March in India
    stops_at = decision.find_loading_stop(rules, since)
    assert stops_at.astimezone(calendar.IST).isoformat() == "2028-03-01T00:00:00+05:30"
    before = decision.find_loading_stop(rules, since - MICROSECOND)
    assert before.astimezone(calendar.IST).isoformat() == "2028-02-28T00:00:00+05:30"
    assert decision.find_loading_stop(rules[:1], since) is None

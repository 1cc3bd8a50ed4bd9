"""The daily watch: whose loading stops soon."""

from datetime import UTC, date, datetime, timedelta

import pytest

from customers.models import Customer
from limits.models import Notice
from limits.services import loading_stops, notices
from limits.services.loading_stops import StopCalendar
from ppims.core import calendar, clock
from ppims.maintenance import upkeep, watch
from tests.commands.watching import (
    AT,
    MONTHS,
    TODAY,
    add_near,
    add_person,
    look,
    make_stop,
    read_notice,
)
from tests.factories import make_check, make_processor, make_rule, set_blocked, set_tier
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]


@pytest.fixture(autouse=True)
def _upkeep_is_new(monkeypatch):
    """Let the watch have come just now: nothing was missed."""
    monkeypatch.setattr(upkeep, "_find_first_day", lambda: AT)


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def maker():
    return make_user("maker")


@pytest.mark.parametrize(
    ("days", "step"),
    [(0, None), (1, 7), (7, 7), (8, 30), (30, 30), (31, 90), (89, 90), (90, 90), (91, None)],
)
def test_a_notice_comes_90_30_and_7_days_before_loading_stops(ent, days, step):
    make_stop()
    person = add_near(ent, days)
    look()
    notice = read_notice(person)
    assert (notice and notice.step) == step
    if notice:
        assert notice.day == TODAY + timedelta(days=days)


def test_its_day_is_the_first_on_which_a_check_says_so(ent):
    make_stop()
    person = add_near(ent, 5)
    look()
    stop = calendar.find_midnight(read_notice(person).day)
    for moment, reason in ((-timedelta(seconds=1), "WITHIN_LIMITS"), (timedelta(), "KYC_EXPIRED")):
        with clock.freeze(stop + moment):
            check, _ = make_check(ent, person, 100, direction="C")
        assert check.reason == reason


@pytest.mark.parametrize(
    ("since", "months", "stops_on"),
    [
        (date(2031, 3, 31), 3, date(2031, 6, 30)),  # a shorter month's last day
        (date(2031, 3, 30), 3, date(2031, 6, 30)),
        (date(2030, 8, 31), 12, date(2031, 8, 31)),
        (datetime(2031, 3, 17, 18, 29, 59, tzinfo=UTC), 4, date(2031, 7, 17)),
        (datetime(2031, 3, 17, 18, 30, tzinfo=UTC), 4, date(2031, 7, 18)),  # the next day in India
    ],
)
def test_months_are_counted_as_a_check_counts_them(ent, since, months, stops_on):
    make_stop(months=months)
    person = add_person(ent, since)
    look()
    assert read_notice(person).day == stops_on


def test_a_notice_moves_on_with_its_day_and_is_open_again(ent, maker):
    make_stop()
    person = add_near(ent, 31)
    assert look().opened == 1
    notice = read_notice(person)
    with clock.freeze(AT + timedelta(hours=1)):
        notices.close(notice.pk, note="Written to", user=maker)
    assert look(hours=2) == watch.Watched(0, 0, {})
    assert look(days=1).opened == 1
    again = read_notice(person)
    assert (again.pk, again.state, again.step, again.note) == (notice.pk, "OPEN", 30, "")
    assert (again.closed_by, again.found_at) == (None, AT + timedelta(days=1))
    assert Notice.objects.count() == 1
    assert look(days=2).opened == 0


def test_the_same_day_again_finds_nothing_new(ent):
    make_stop()
    people = [add_near(ent, days) for days in (5, 25, 80)]
    assert look() == watch.Watched(3, 0, {"LOADING_STOP": 3})
    before = list(Notice.objects.order_by("pk").values())
    assert look(hours=3) == watch.Watched(0, 0, {"LOADING_STOP": 3})
    assert list(Notice.objects.order_by("pk").values()) == before
    assert {row["unique_id"] for row in before} == set(people)


def raise_kyc(unique_id):
    set_tier(unique_id, "F")


def block(unique_id):
    set_blocked(unique_id, blocked=True)


@pytest.mark.parametrize("end", [raise_kyc, block])
def test_a_matter_that_is_no_more_closes_itself_and_comes_again_with_it(ent, end):
    make_stop()
    person = add_near(ent, 5)
    look()
    (before,) = Customer.objects.filter(pk=person).values()
    with clock.freeze(AT + timedelta(hours=1)):
        end(person)
    assert look(hours=2) == watch.Watched(0, 1, {})
    notice = read_notice(person)
    assert (notice.state, notice.closed_by, notice.note) == ("CLOSED", None, "")
    Customer.objects.filter(pk=person).update(**before)
    assert look(hours=4) == watch.Watched(1, 0, {"LOADING_STOP": 1})
    assert read_notice(person).is_open


def test_once_the_day_has_come_it_closes_itself(ent):
    make_stop()
    person = add_near(ent, 2)
    look()
    assert look(days=1).closed == 0
    assert look(days=2).closed == 1
    assert read_notice(person).state == "CLOSED"


def test_of_people_who_were_merged_only_the_survivor_has_one(ent):
    make_stop()
    older, younger = add_near(ent, 25), add_near(ent, 20)
    look()
    with clock.freeze(AT + timedelta(hours=1)):
        merge_customers(younger, older)
    look(hours=2)
    states = dict(Notice.objects.values_list("unique_id", "state"))
    assert sorted(states.values()) == ["CLOSED", "OPEN"]
    survivor = Customer.objects.get(pk=older).survivor_id
    assert states[survivor] == "OPEN"


def test_where_no_rule_stops_loading_there_are_none_and_where_it_ends_they_close(ent):
    person = add_near(ent, 5)
    assert look().opened == 0
    make_stop()
    assert look(hours=1).opened == 1
    place = {"tier": "P", "direction": "C", "window": "CREDIT_STOP"}
    make_rule(**place, amount=None, in_force_from=AT + timedelta(hours=2))
    assert look(hours=3).closed == 1
    assert read_notice(person).state == "CLOSED"


def test_a_rule_that_comes_into_force_later_is_seen_coming(ent):
    make_stop(since=AT + timedelta(days=40, hours=5))
    long_known, new = add_person(ent, date(2028, 1, 1)), add_near(ent, 60)
    other = add_near(ent, 20)
    look()
    assert read_notice(long_known).day == TODAY + timedelta(days=40)
    assert read_notice(new).day == TODAY + timedelta(days=60)
    assert read_notice(other).day == TODAY + timedelta(days=40)


def test_a_rule_that_ends_before_the_day_stops_nobody():
    make_stop()
    place = {"tier": "P", "direction": "C", "window": "CREDIT_STOP"}
    make_rule(**place, amount=None, in_force_from=AT + timedelta(days=3))
    stops = StopCalendar(AT)
    found = {
        days: stops.find(
            "P",
            calendar.to_microseconds(
                calendar.add_months(calendar.find_midnight(TODAY + timedelta(days=days)), -MONTHS)
            ),
        )
        for days in (2, 3, 4)
    }
    assert found == {2: date(2031, 6, 19), 3: date(2031, 6, 20), 4: None}
    assert stops.find("F", 0) is None


def test_everybody_is_looked_at_batch_by_batch(ent, monkeypatch):
    monkeypatch.setattr(loading_stops, "CUSTOMERS_AT_ONCE", 2)
    make_stop()
    people = {add_near(ent, 5 + number) for number in range(5)}
    told = []
    with clock.freeze(AT):
        watch.watch(lambda done, total: told.append((done, total)))
    assert set(Notice.objects.values_list("unique_id", flat=True)) == people
    assert told == [(2, 5), (4, 5), (5, 5)]

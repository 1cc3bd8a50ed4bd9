"""How people in India read money, days and instants, and what of a number is masked."""

from datetime import UTC, date, datetime

import pytest

from ppims.core.formats import (
    NO_VALUE,
    inr,
    ist,
    ist_date,
    ist_start,
    mask,
    mask_day,
    name_count,
    write_ist_second,
    write_month,
)

# 00:00 in India on 1 April 2026, and the microsecond before.
NEW_YEAR = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)
YEAR_END = datetime(2026, 3, 31, 18, 29, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("paise", "said"),
    [
        (0, "₹0.00"),
        (1, "₹0.01"),
        (99_999, "₹999.99"),
        (100_000, "₹1,000.00"),
        (9_999_999, "₹99,999.99"),
        (10_000_000, "₹1,00,000.00"),
        (1_234_567_890, "₹1,23,45,678.90"),
        (-1, "-₹0.01"),
        (-10_000_000, "-₹1,00,000.00"),
        (2**63 - 1, "₹92,23,37,20,36,85,47,758.07"),
    ],
)
def test_rupees_have_lakhs_and_crores_and_always_two_decimals(paise, said):
    assert inr(paise) == said


def test_what_is_not_there_is_a_dash_or_what_the_place_asks_for():
    assert inr(None) == NO_VALUE
    assert inr(None, "") == ""
    assert {ist(None), ist_date(None), write_ist_second(None)} == {NO_VALUE}


def test_an_instant_is_said_in_indias_time_on_both_sides_of_midnight():
    assert ist(YEAR_END) == "31 Mar 2026, 11:59 PM"
    assert ist(NEW_YEAR) == "1 Apr 2026, 12:00 AM"
    assert (ist_date(YEAR_END), ist_date(NEW_YEAR)) == ("31 Mar 2026", "1 Apr 2026")
    assert write_ist_second(YEAR_END) == "31 Mar 2026, 23:59:59 IST"


def test_a_start_at_midnight_needs_no_time_and_any_other_has_it():
    assert ist_start(NEW_YEAR) == "1 Apr 2026"
    assert ist_start(YEAR_END) == "31 Mar 2026, 11:59 PM"


def test_a_day_is_the_same_day_wherever_it_is_read():
    assert ist_date(date(2026, 3, 31)) == "31 Mar 2026"


@pytest.mark.parametrize(("number", "said"), [(202601, "Jan 2026"), (202612, "Dec 2026")])
def test_a_month_is_said_by_its_name(number, said):
    assert write_month(number) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("", ""),
        ("1", "••••"),
        ("1234", "••••"),
        ("12345", "••••2345"),
        ("411111111111", "••••1111"),
    ],
)
def test_the_last_four_are_shown_only_where_they_hide_the_rest(number, said):
    assert mask(number, shown=4) == said


def test_of_a_birth_date_only_the_year_is_shown():
    assert mask_day(date(1991, 12, 31)) == "•• ••• 1991"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (100_000, "1,00,000 entries")],
)
def test_one_is_named_otherwise_than_many(number, said):
    assert name_count(number, "entry", "entries") == said
    assert name_count(number, "check") == said.replace("entries", "checks").replace(
        "entry", "check"
    )

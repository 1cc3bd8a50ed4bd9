"""Rupees as text and paise as whole numbers; months and financial years of India."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppims.core import calendar, clock, formats, money

MOST_PAISE = 99_999_999_999_999
SECONDS = st.integers(1_600_000_000, 4_000_000_000)
INSTANTS = st.builds(
    lambda second, microsecond: datetime.fromtimestamp(second, UTC).replace(
        microsecond=microsecond
    ),
    SECONDS,
    st.integers(0, 999_999),
)


def make_instant(text):
    return datetime.fromisoformat(f"{text}+05:30")


# Money.


@given(st.integers(1, MOST_PAISE))
def test_paise_written_and_read_again_are_the_same(paise):
    text = money.to_rupees(paise)
    assert re.fullmatch(r"[0-9]{1,12}\.[0-9]{2}", text)
    assert money.to_paise(text) == paise


@given(st.integers(-MOST_PAISE, MOST_PAISE))
def test_a_balance_written_and_read_again_is_the_same(paise):
    assert money.read_balance_paise(money.to_rupees(paise)) == paise


@given(st.integers(1, 10**12 - 1), st.integers(0, 9))
def test_an_amount_means_the_same_however_many_decimals_it_has(rupees, tenths):
    assert money.to_paise(f"{rupees}.{tenths}") == money.to_paise(f"{rupees}.{tenths}0")
    assert money.to_paise(f"{rupees}") == money.to_paise(f"{rupees}.00") == rupees * 100


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("2000.5", 200_050),
        ("0.01", 1),
        ("0.1", 10),
        ("000000000001", 100),
        ("999999999999.99", MOST_PAISE),
    ],
)
def test_an_amount_is_read_to_the_paisa(text, paise):
    assert money.to_paise(text) == paise


REFUSED_AMOUNTS = (
    "-1 +1 1e3 NaN Infinity 0.001 1,000 1. .5 1.2.3 0x10 1_000 ₹1 1000000000000".split()
)
OTHER_DIGITS = ["\u0967\u0966", "\u0661\u0660", "1\u066b5", "\uff11\uff10", "\u00b2"]


@pytest.mark.parametrize(
    "text", [*REFUSED_AMOUNTS, *OTHER_DIGITS, "", " ", " 1", "1 ", "1\n", "1.00\n", "1.-5", "--1"]
)
def test_a_text_that_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="amount"):
        money.to_paise(text)


@pytest.mark.parametrize("text", ["0", "0.0", "0.00", "000"])
def test_nothing_is_no_amount_but_is_a_balance(text):
    with pytest.raises(ValueError, match="more than zero"):
        money.to_paise(text)
    assert money.read_balance_paise(text) == 0


def test_a_balance_may_be_below_zero():
    assert money.read_balance_paise("-0.05") == -5
    assert money.read_balance_paise("-12.5") == -1250
    for text in ("--1", "- 1", "+1", "-", "-.5", "-1\n", "-\u0967", "1e3", ""):
        with pytest.raises(ValueError, match="balance"):
            money.read_balance_paise(text)


@given(st.text("0123456789.-+,e ₹\u0967\u0661\n", max_size=16))
def test_any_text_is_an_amount_of_more_than_zero_or_refused(text):
    try:
        paise = money.to_paise(text)
    except ValueError:
        return
    assert re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", text)
    assert 0 < paise <= MOST_PAISE


@given(st.integers(-MOST_PAISE, MOST_PAISE))
def test_indian_grouping_changes_no_digit(paise):
    text = formats.inr(paise)
    assert text.replace("₹", "").replace(",", "") == money.to_rupees(paise)
    assert re.fullmatch(r"-?₹([0-9]{1,2}(,[0-9]{2})*,)?[0-9]{1,3}\.[0-9]{2}", text)


def test_indian_grouping():
    assert formats.inr(1_234_567_890) == "₹1,23,45,678.90"
    assert formats.inr(100_000) == "₹1,000.00"
    assert formats.inr(99_999) == "₹999.99"
    assert formats.inr(-10_000_000_05) == "-₹1,00,00,000.05"


# The clock.


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-11-30T23:59:59.999999", 202611),
        ("2026-12-01T00:00:00", 202612),
        ("2026-12-31T23:59:59.999999", 202612),
        ("2027-01-01T00:00:00", 202701),
        ("2028-02-29T23:59:59.999999", 202802),
    ],
)
def test_a_month_begins_at_midnight_in_india(at, month):
    assert (
        calendar.number_ist_month(make_instant(at))
        == calendar.number_ist_month(make_instant(at).astimezone(UTC))
        == month
    )
    assert calendar.number_month(calendar.to_microseconds(make_instant(at))) == month


@given(INSTANTS)
def test_an_instant_in_microseconds_is_the_same_instant_and_in_the_same_month(at):
    count = calendar.to_microseconds(at)
    assert calendar.from_microseconds(count) == at
    assert calendar.number_month(count) == calendar.number_ist_month(at)


def test_half_past_six_in_the_evening_utc_is_the_next_day_in_india():
    assert (
        calendar.number_ist_month(datetime(2026, 3, 31, 18, 29, 59, 999_999, tzinfo=UTC)) == 202603
    )
    assert calendar.number_ist_month(datetime(2026, 3, 31, 18, 30, tzinfo=UTC)) == 202604


@given(INSTANTS)
def test_a_month_ends_where_the_next_one_begins(at):
    end = calendar.find_first_day_after_month(calendar.number_ist_month(at))
    midnight = datetime(end.year, end.month, 1, tzinfo=calendar.IST)
    assert at < midnight
    assert calendar.number_ist_month(
        midnight - timedelta(microseconds=1)
    ) == calendar.number_ist_month(at)
    assert calendar.number_ist_month(midnight) == end.year * 100 + end.month


@given(INSTANTS)
def test_a_financial_year_has_twelve_months_from_april_and_this_one_among_them(at):
    month = calendar.number_ist_month(at)
    year = calendar.list_months_of_financial_year(month)
    assert (len(year), year[0] % 100, year[-1] % 100) == (12, 4, 3)
    assert month in year
    assert list(year) == sorted(set(year))
    assert all(calendar.list_months_of_financial_year(m) == year for m in year)


def test_march_and_april_are_of_two_financial_years():
    assert calendar.list_months_of_financial_year(202603)[0] == 202504
    assert calendar.list_months_of_financial_year(202604)[-1] == 202703
    assert calendar.find_first_day_after_month(202612) == date(2027, 1, 1)
    assert calendar.find_first_day_after_month(202611) == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-02-29T10:00:00", 12, "2025-02-28T00:00:00"),
        ("2024-02-29T10:00:00", 48, "2028-02-29T00:00:00"),
        ("2024-01-31T23:59:59", 1, "2024-02-29T00:00:00"),
        ("2025-01-31T00:00:00", 1, "2025-02-28T00:00:00"),
        ("2026-08-31T12:00:00", 1, "2026-09-30T00:00:00"),
        ("2026-12-31T12:00:00", 2, "2027-02-28T00:00:00"),
        ("2026-12-15T12:00:00", 12, "2027-12-15T00:00:00"),
        ("2026-11-30T00:00:00", 1, "2026-12-30T00:00:00"),
        ("2026-05-17T00:00:00", 0, "2026-05-17T00:00:00"),
    ],
)
def test_months_later_is_midnight_of_that_day_or_of_the_months_last(start, months, end):
    assert calendar.add_months(make_instant(start), months) == make_instant(end)


def test_months_later_counts_from_the_day_in_india():
    at = datetime(2026, 1, 30, 18, 30, tzinfo=UTC)  # 31 January, 00:00 in India
    assert calendar.add_months(at, 1) == make_instant("2026-02-28T00:00:00")
    assert calendar.add_months(at - timedelta(microseconds=1), 2) == make_instant(
        "2026-03-30T00:00:00"
    )


@given(INSTANTS, st.integers(0, 240))
def test_months_later_is_midnight_in_india_in_the_month_that_many_later(at, months):
    then = calendar.add_months(at, months).astimezone(calendar.IST)
    before = at.astimezone(calendar.IST)
    assert (then.hour, then.minute, then.second, then.microsecond) == (0, 0, 0, 0)
    assert (then.year - before.year) * 12 + then.month - before.month == months
    assert then.day == before.day or (then + timedelta(days=1)).day == 1


@given(INSTANTS)
def test_a_whole_second_up_is_whole_and_less_than_a_second_later(at):
    up = calendar.round_up_to_second(at)
    assert up.microsecond == 0
    assert timedelta() <= up - at < timedelta(seconds=1)


def test_a_frozen_clock_stands_still_and_runs_again_after():
    at = make_instant("2026-03-31T23:59:59").astimezone(UTC)
    with clock.freeze(at):
        assert clock.now() == clock.now() == at
        with clock.freeze(at + timedelta(days=1)):
            assert clock.now() == at + timedelta(days=1)
        assert clock.now() == at
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)


def test_an_offset_file_moves_the_clock(tmp_path, settings):
    file = tmp_path / "offset"
    settings.PPIMS_CLOCK_OFFSET_FILE = str(file)
    assert clock.read_offset() == timedelta()
    file.write_text("86400\n")
    clock._read_offset.cache_clear()
    ahead = clock.now() - datetime.now(UTC)
    assert abs(ahead - timedelta(days=1)) < timedelta(seconds=10)

"""Where an update is booked and how it is flagged: each row of the table in docs/ledger.md, "What
an update does", both sides of every boundary; and who books, makes up and verifies by it.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from customers.models import Customer
from limits import bulk, ledger, posting
from limits.known import Ask, Report
from limits.models import LedgerEntry
from limits.posting import KnownCheck, find_effect_paise, list_flags, place_update
from limits.verify import verify
from ppims.core import calendar, clock
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting, make_processor

MARCH, APRIL = 202603, 202604
CHECKED_AT = datetime(2026, 3, 31, 18, 20, tzinfo=UTC)  # ten minutes before April in India
DAYS_30, MICROSECOND = timedelta(days=30), timedelta(microseconds=1)
MICROS_30_DAYS = 2_592_000_000_000
OPEN_CHECK = KnownCheck(True, MARCH, 5_000, age_micros=0, is_held=True, is_settled=False)
EXPIRED_CHECK = OPEN_CHECK._replace(is_held=False)
DECLINED_CHECK = EXPIRED_CHECK._replace(is_allowed=False)
SETTLED_CHECK = EXPIRED_CHECK._replace(is_settled=True)


def place_report(kind, known, paise=5_000, **more):
    return place_update(kind, paise, APRIL, check=known, **more)


@pytest.mark.parametrize(
    ("known", "paise", "month", "flags", "answers_check"),
    [
        pytest.param(OPEN_CHECK, 5_000, MARCH, (), True, id="hold-open"),
        pytest.param(OPEN_CHECK, 4_999, MARCH, ("AMOUNT_DIFFERS",), True, id="one-paisa-less"),
        pytest.param(OPEN_CHECK, 5_001, MARCH, ("AMOUNT_DIFFERS",), True, id="one-paisa-more"),
        pytest.param(EXPIRED_CHECK, 5_000, MARCH, ("LATE",), True, id="hold-expired-or-released"),
        pytest.param(
            EXPIRED_CHECK, 5_001, MARCH, ("LATE", "AMOUNT_DIFFERS"), True, id="late-and-other"
        ),
        pytest.param(DECLINED_CHECK, 5_000, APRIL, ("DECLINED",), True, id="declined"),
        pytest.param(
            DECLINED_CHECK,
            4_999,
            APRIL,
            ("DECLINED", "AMOUNT_DIFFERS"),
            True,
            id="declined-and-other",
        ),
        pytest.param(None, 5_000, APRIL, ("UNCHECKED",), False, id="no-check-or-anothers"),
        pytest.param(SETTLED_CHECK, 5_000, APRIL, ("UNCHECKED",), False, id="settled"),
        pytest.param(SETTLED_CHECK, 4_999, APRIL, ("UNCHECKED",), False, id="settled-and-other"),
    ],
)
def test_a_posting_has_the_flags_of_its_check(known, paise, month, flags, answers_check):
    assert place_report("S", known, paise) == (month, flags, answers_check)


@pytest.mark.parametrize("known", [OPEN_CHECK, EXPIRED_CHECK, DECLINED_CHECK])
def test_a_release_belongs_to_its_checks_month_whatever_became_of_the_hold(known):
    for age_micros in (0, MICROS_30_DAYS + 1):
        there = known._replace(age_micros=age_micros)
        assert place_report("F", there, paise=1) == (MARCH, (), True)


def test_a_release_without_a_check_belongs_to_the_month_in_which_it_arrives():
    assert place_report("F", None) == (APRIL, (), False)


@pytest.mark.parametrize("kind", ["R", "A"])
@pytest.mark.parametrize("known", [None, OPEN_CHECK, SETTLED_CHECK])
def test_a_reversal_and_an_adjustment_belong_to_the_month_that_they_name(kind, known):
    assert place_report(kind, known, named_month=202602) == (202602, (), False)


@pytest.mark.parametrize(("later", "month"), [(-1, MARCH), (0, MARCH), (1, APRIL)])
def test_thirty_days_after_its_check_to_the_microsecond_a_posting_leaves_its_month(later, month):
    there = EXPIRED_CHECK._replace(age_micros=MICROS_30_DAYS + later)
    assert place_report("S", there) == (month, ("LATE",), True)


def test_a_declined_check_gives_its_month_to_nothing():
    assert place_report("S", DECLINED_CHECK._replace(age_micros=0)).month == APRIL


@pytest.mark.parametrize(("kind", "effect"), [("S", 700), ("F", 0), ("R", -700), ("A", 700)])
def test_a_reversal_takes_away_and_a_release_moves_nothing(kind, effect):
    assert find_effect_paise(kind, 700) == effect
    assert find_effect_paise(kind, -700) == -effect


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [*LedgerEntry.Kind.values])
def test_the_databases_sums_count_each_kind_alike(kind):
    with connection.cursor() as cursor:
        row = f"(SELECT '{kind}' AS kind, CAST(700 AS bigint) AS amount_paise) entry"
        cursor.execute(f"SELECT {ledger.EFFECT_PAISE} FROM {row}")
        assert cursor.fetchone() == (find_effect_paise(kind, 700),)


@pytest.mark.parametrize(("over", "flags"), [(0, []), (1, ["OVER_LIMIT"])])
@pytest.mark.parametrize(("kind", "paise"), [("S", 1), ("A", 1)])
def test_what_adds_is_over_its_limit_by_one_paisa(kind, paise, over, flags):
    assert flags == list_flags(kind, paise, (), limit_paise=900, used_and_held_paise=900 + over)


@pytest.mark.parametrize(("kind", "paise"), [("F", 1), ("R", 1), ("A", -1)])
def test_what_adds_nothing_is_over_no_limit(kind, paise):
    assert list_flags(kind, paise, (), limit_paise=900, used_and_held_paise=10**12) == []


def test_where_there_is_no_limit_nothing_is_over_it():
    assert list_flags("S", 1, (), limit_paise=None, used_and_held_paise=10**12) == []


def test_a_limit_of_nothing_is_one():
    assert list_flags("S", 1, (), limit_paise=0, used_and_held_paise=1) == ["OVER_LIMIT"]


@pytest.mark.parametrize(("kind", "flags"), [("S", ["BLOCKED"]), ("F", []), ("R", []), ("A", [])])
def test_a_posting_alone_is_flagged_as_blocked(kind, flags):
    stands = {"limit_paise": 900, "used_and_held_paise": 900}
    assert list_flags(kind, 1, (), **stands, is_blocked=True) == flags
    assert list_flags(kind, 1, (), **stands) == []


def test_flags_add_up_in_one_order():
    first = place_report("S", EXPIRED_CHECK, 5_001).flags
    stands = {"limit_paise": 900, "used_and_held_paise": 901}
    assert list_flags("S", 5_001, first, **stands, is_blocked=True) == [
        *("LATE", "AMOUNT_DIFFERS", "OVER_LIMIT", "BLOCKED")
    ]


def test_kinds_and_flags_are_the_models():
    constants = vars(posting).items()
    kinds = {value for name, value in constants if name.endswith("_KIND")}
    flags = {value for name, value in constants if name.endswith("_FLAG")}
    assert kinds == {*LedgerEntry.Kind.values}
    assert flags == {*LedgerEntry.Flag.values}


# Services, made-up histories and verification: one rule for the three.


class History:
    """One check and its posting, told to the services and to a made-up history alike."""

    def __init__(self, paise, answered_at):
        self.processor = make_processor()
        with clock.freeze(CHECKED_AT - timedelta(days=400)):
            self.unique_id = make_customer(self.processor)
        self.paise, self.answered_at = paise, answered_at

    def book(self):
        """Book it by the services: month, flags and what is used after it."""
        with clock.freeze(CHECKED_AT):
            asked, _ = make_check(self.processor, self.unique_id, 5_000)
        with clock.freeze(self.answered_at):
            entry, _ = make_posting(
                self.processor, self.unique_id, self.paise, enquiry=asked.ref_id
            )
        return entry.month, entry.flags, entry.used_after_paise

    def make_up(self):
        """Make it up: the same of it."""
        histories = bulk.Histories(bulk.Rulebook(), range(1, 9))
        book = bulk.Book(histories, self.unique_id)
        book.tier, book.cif_ids = Customer.objects.get(pk=self.unique_id).tier, {}
        book.cif_ids[self.processor.pk] = ""
        asked = Call(self.processor, Operation.CHECK_LIMIT, draw_ref(), {})
        told = Call(self.processor, Operation.UPDATE_LIMIT, draw_ref(), {})
        book.check(asked, Ask(self.unique_id, "D", 5_000), at=calendar.to_microseconds(CHECKED_AT))
        report = Report(self.unique_id, "S", "D", self.paise, enquiry_ref_id=asked.ref_id)
        book.update(told, report, at=calendar.to_microseconds(self.answered_at))
        names = [field.attname for field in LedgerEntry._meta.concrete_fields]
        (row,) = histories.rows[LedgerEntry]
        entry = dict(zip(names, row, strict=True))
        return entry["month"], entry["flags"], entry["used_after_paise"]

    def verify(self):
        with clock.freeze(self.answered_at):
            return [finding.problem for finding in verify()]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("paise", "later", "booked"),
    [
        (5_000, timedelta(minutes=1), (MARCH, "", 5_000)),
        (5_001, timedelta(minutes=1), (MARCH, "AMOUNT_DIFFERS", 5_001)),
        (5_000, DAYS_30, (MARCH, "LATE", 5_000)),
        (5_000, DAYS_30 + MICROSECOND, (APRIL, "LATE", 5_000)),
        (1_000_000, DAYS_30, (MARCH, "LATE,AMOUNT_DIFFERS", 1_000_000)),
        (1_000_001, DAYS_30, (MARCH, "LATE,AMOUNT_DIFFERS,OVER_LIMIT", 1_000_001)),
    ],
)
def test_services_made_up_histories_and_verification_agree(paise, later, booked):
    history = History(paise, CHECKED_AT + later)
    assert history.book() == history.make_up() == booked
    assert history.verify() == []


@pytest.mark.django_db
def test_another_window_would_be_the_window_of_all_three(monkeypatch):
    history = History(5_000, CHECKED_AT + timedelta(days=1))
    with monkeypatch.context() as patch:
        patch.setattr(posting, "SETTLES_ITS_MONTH_MICROS", 86_400_000_000 - 1)
        assert history.book() == history.make_up() == (APRIL, "LATE", 5_000)
        assert history.verify() == []
    assert history.verify() == ["its month is 202604, expected 202603"]


@pytest.mark.django_db
def test_another_effect_would_be_the_effect_of_all_three(monkeypatch):
    history = History(5_000, CHECKED_AT + timedelta(days=1))
    with monkeypatch.context() as patch:
        patch.setitem(posting.EFFECT_SIGNS, "S", 2)
        assert history.book() == history.make_up() == (MARCH, "LATE", 10_000)
        assert history.verify() == []
    assert "its used_after_paise is 10000, expected 5000" in history.verify()

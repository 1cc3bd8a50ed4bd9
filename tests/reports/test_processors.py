"""The figures of processors: what a straight count gives, at most a minute late."""

import json
import random
from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from limits.models import BY_PROCESSOR, OF_ALL, LedgerEntry, LimitCheck, OverviewSnapshot
from ppims.core import calendar, clock
from ppims.models import KeptCall
from ppims.reports import near_limit, overview_counts
from ppims.reports.processors import PLAIN_FIGURES, SHOWN_DAYS, read_figures
from tests.factories import make_check, make_customer, make_posting
from tests.ledger.histories import History, adjust
from tests.reports.conftest import MINUTE, NOON

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
HOLD = timedelta(minutes=15)
INSTANT = timedelta(microseconds=1)
A_DAY = timedelta(days=1)


def read_at(instant):
    with clock.freeze(instant):
        OverviewSnapshot.objects.update(at=instant - MINUTE)
        return read_figures()


def read_today(processor, instant):
    return read_at(instant).find(processor.pk).today


def ask(processor, customer, when, paise=100, **more):
    with clock.freeze(when):
        return make_check(processor, customer, paise, **more)[0]


def report(processor, customer, when, paise=100, kind="S", **more):
    with clock.freeze(when):
        return make_posting(processor, customer, paise, kind, **more)[0]


def test_of_one_that_never_called_there_is_nothing(ent):
    figures = read_at(NOON).find(ent.pk)
    assert figures.last_call_at is None
    assert len(figures.days) == SHOWN_DAYS
    assert {day.calls for day in figures.days} == {0}


def test_a_check_is_never_answered_once_its_hold_has_run_out(ent, customer):
    ask(ent, customer, NOON, ref_id="C1")
    counts = [
        read_today(ent, NOON + HOLD + after).unanswered
        for after in (-MINUTE, -INSTANT, timedelta(), MINUTE)
    ]
    assert counts[:2] == [0, 0]
    assert counts[3] == 1
    report(ent, customer, NOON + HOLD + 2 * MINUTE, enquiry="C1")
    today = read_today(ent, NOON + HOLD + 3 * MINUTE)
    assert (today.unanswered, today.late) == (0, 1)


@pytest.mark.parametrize("is_seen_before", [False, True])
@pytest.mark.parametrize("after", [HOLD - INSTANT, HOLD, HOLD + A_DAY])
@pytest.mark.parametrize("kinds", ["S", "F", "FF", "FS", "FFS"])
def test_an_answer_counts_once_whenever_it_comes(ent, customer, kinds, after, is_seen_before):
    asked_at = NOON - 3 * A_DAY
    ask(ent, customer, asked_at, ref_id="C1")
    ask(ent, customer, asked_at, ref_id="C2")
    if is_seen_before:
        read_at(asked_at + after)
    for kind in kinds:
        report(ent, customer, asked_at + after, kind=kind, enquiry="C1")
    for _ in range(2):
        figures = read_at(NOON).find(ent.pk)
        day = next(day for day in figures.days if day.day == calendar.find_ist_day(asked_at))
        assert (day.checks, day.unanswered) == (2, 1)


def test_a_declined_check_wants_no_answer(ent, customer):
    ask(ent, customer, NOON, 1_000_001, ref_id="NO")
    report(ent, customer, NOON, 1_000_001, enquiry="NO")
    today = read_today(ent, NOON + A_DAY / 4)
    assert (today.checks, today.declined, today.unanswered) == (1, 1, 0)


def test_what_reports_were_is_told_by_the_day_they_came(ent, cbs, customer):
    with clock.freeze(NOON - 2 * A_DAY):
        both = make_customer(ent, cbs)
    ask(ent, both, NOON - A_DAY, ref_id="C1")
    report(ent, both, NOON, 90, enquiry="C1")  # late, and another amount
    report(ent, both, NOON, 5, tran_id="T1")  # unchecked
    report(ent, both, NOON, 5, kind="R", tran_id="T1")
    report(cbs, both, NOON, 5)
    with clock.freeze(NOON):
        adjust(both, 203106, 500)
    today = read_today(ent, NOON)
    assert (today.reports, today.late, today.differs, today.unchecked) == (3, 1, 1, 1)
    other = read_today(cbs, NOON)
    assert (other.reports, other.late, other.differs, other.unchecked) == (1, 0, 0, 1)


def refuse_call(processor, when, code):
    return KeptCall.objects.create(at=when, processor=processor, operation="x", code=code)


def test_calls_are_checks_reports_and_refusals_and_the_last_is_told(ent, cbs, customer):
    ask(ent, customer, NOON - A_DAY)
    for when, code in ((NOON - A_DAY, "400"), (NOON, "400"), (NOON + MINUTE, "409")):
        refuse_call(ent, when, code)
    figures = read_at(NOON + 2 * MINUTE).find(ent.pk)
    assert [day.calls for day in figures.days[-2:]] == [2, 2]
    assert figures.refused == {"400": 2, "409": 1}
    assert figures.last_call_at == NOON + MINUTE
    report(ent, customer, NOON + 3 * MINUTE)
    assert read_at(NOON + 4 * MINUTE).find(ent.pk).last_call_at == NOON + 3 * MINUTE


def test_calls_are_counted_on_where_all_rows_were_purged_and_ids_begin_anew(ent):
    for _ in range(3):
        refuse_call(ent, NOON, "400")
    read_at(NOON)
    last = KeptCall.objects.latest("pk").pk
    KeptCall.objects.all().delete()
    KeptCall.objects.create(pk=last - 2, at=NOON, processor=ent, operation="x", code="409")
    assert read_at(NOON).find(ent.pk).refused == {"400": 3, "409": 1}


def test_days_that_are_told_no_more_are_dropped_and_the_last_call_is_not(ent, customer):
    ask(ent, customer, NOON)
    read_at(NOON + MINUTE)
    figures = read_at(NOON + 40 * A_DAY).find(ent.pk)
    assert figures.last_call_at == NOON
    assert '"days":{}' in OverviewSnapshot.objects.get(pk=BY_PROCESSOR).state


def test_where_nothing_was_counted_by_processor_yet_all_is_counted_anew(ent, customer):
    ask(ent, customer, NOON)
    whole = read_at(NOON + MINUTE)
    overview = json.loads(OverviewSnapshot.objects.get(pk=OF_ALL).state)
    OverviewSnapshot.objects.filter(pk=BY_PROCESSOR).update(state="{}")  # as after the upgrade
    again = read_at(NOON + MINUTE)
    assert again == whole
    assert json.loads(OverviewSnapshot.objects.get(pk=OF_ALL).state) == overview


def count_straight(since, now):
    """Count each figure by processor and day, the long way."""
    count = defaultdict(Counter)
    answered = set(
        LedgerEntry.objects.filter(kind__in="SF").values_list("limit_check_id", flat=True)
    )
    for check in LimitCheck.objects.all():
        figures = count[check.processor_id, calendar.find_ist_day(check.at)]
        figures["checks"] += 1
        figures["declined"] += not check.is_allowed
        is_over = check.is_allowed and check.hold_until <= now
        figures["unanswered"] += is_over and check.pk not in answered
    for entry in LedgerEntry.objects.exclude(processor=None):
        figures = count[entry.processor_id, calendar.find_ist_day(entry.at)]
        figures["reports"] += 1
        for flag, name in (
            ("LATE", "late"),
            ("UNCHECKED", "unchecked"),
            ("AMOUNT_DIFFERS", "differs"),
        ):
            figures[name] += flag in entry.flag_list
    return {place: dict(+each) for place, each in count.items() if place[1] >= since and +each}


def list_counted(figures):
    """List the figures that are not 0."""
    return {
        (processor_id, day.day): said
        for processor_id, its in figures.by_processor.items()
        for day in its.days
        if (said := {n: getattr(day, n) for n in PLAIN_FIGURES if getattr(day, n)})
    }


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_figures_are_those_of_a_straight_count(ent, cbs, monkeypatch, seed):
    draw = random.Random(seed)
    monkeypatch.setattr(overview_counts, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(near_limit, "CUSTOMERS_AT_ONCE", 2)
    with clock.freeze(NOON):
        drawn = History(draw, ent, cbs)
    drawn.at = NOON
    for _ in range(60):
        drawn.at += timedelta(seconds=draw.choice([1, 30, 400, 2_000, 90_000]))
        acts = (drawn.ask, drawn.ask, drawn.settle, drawn.settle, drawn.fail, drawn.post_alone)
        with clock.freeze(drawn.at):
            draw.choice((*acts, drawn.undo))()
        if draw.random() < 0.3:
            read_at(drawn.at)
    end = drawn.at + 2 * MINUTE
    figures = read_at(end)
    assert figures.is_complete
    since = calendar.find_ist_day(end) - timedelta(days=SHOWN_DAYS - 1)
    # A hold that ran out within the last minute may not be counted yet: none did.
    assert list_counted(figures) == count_straight(since, end)
    OverviewSnapshot.objects.update(state="{}")
    assert list_counted(read_at(end)) == count_straight(since, end)

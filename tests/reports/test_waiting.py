"""What waits, as menu and overview count it: as of the last look, less what was closed since."""

from datetime import timedelta

import pytest

from customers.services import blocking
from limits.models import LedgerEntry
from limits.services import notices
from limits.services.findings import note
from ppims.models import User
from ppims.reports import overview_counts
from ppims.reports.waiting import Waiting, read_waiting
from tests.factories import make_notice, make_posting, refuse, set_blocked
from tests.reports.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]


@pytest.fixture
def maker():
    return User.objects.create(username="him")


def count_anew(day):
    with day(minutes=2):
        overview_counts.refresh()


def test_where_nothing_was_ever_counted_nothing_waits():
    assert set(read_waiting().values()) == {Waiting()}


def test_flagged_postings_are_as_of_the_last_look_less_those_closed_since(
    ent, customer, maker, day
):
    for _ in range(2):
        with day():
            make_posting(ent, customer, 100)
    assert read_waiting()["flagged"] == Waiting()
    count_anew(day)
    first, second = LedgerEntry.objects.order_by("pk")
    assert read_waiting()["flagged"] == Waiting(2, first.at)
    with day():
        note(first, finding="GENUINE", note="asked", user=maker)
    assert read_waiting()["flagged"].count == 1
    with day():
        note(second, finding="", note="asked again", user=maker)  # closes nothing
    assert read_waiting()["flagged"].count == 1
    count_anew(day)
    assert read_waiting()["flagged"] == Waiting(1, second.at)


def test_refused_reports_likewise(ent, customer, maker, day):
    with day():
        make_posting(ent, customer, 100, tran_id="T1")
    with day():
        report = refuse(ent, customer, 150, "T1")
    count_anew(day)
    assert read_waiting()["refused-reports"] == Waiting(1, report.at)
    with day():
        note(report, finding="REPEAT", note="asked", user=maker)
    assert read_waiting()["refused-reports"] == Waiting()


def test_notices_are_as_of_the_last_look_less_those_closed_since(ent, customer, maker, day):
    with day():
        first, second = make_notice(processor=ent), make_notice(unique_id=customer)
    assert read_waiting()["notices"] == Waiting()
    count_anew(day)
    assert read_waiting()["notices"] == Waiting(2, first.found_at)
    with day():
        notices.close(second.pk, note="asked", user=maker)
    assert read_waiting()["notices"] == Waiting(1, first.found_at)
    count_anew(day)
    assert read_waiting()["notices"] == Waiting(1, first.found_at)
    with day():
        notices.close(first.pk, note="asked", user=maker)
    assert read_waiting()["notices"] == Waiting()


def test_proposals_of_every_kind_are_counted_together_with_the_oldest(ent, customer, maker, day):
    set_blocked(customer, blocked=True)
    with day():
        blocking.propose_unblocking(customer_id=customer, reason="found", user=maker)
    assert read_waiting()["approvals"] == Waiting(1, NOON + timedelta(seconds=2))


def test_it_takes_two_queries_and_one_for_a_refused_report(
    ent, customer, day, django_assert_num_queries
):
    with django_assert_num_queries(2):
        read_waiting()
    with day():
        make_posting(ent, customer, 100, tran_id="T1")
    with day():
        refuse(ent, customer, 150, "T1")
    count_anew(day)
    with django_assert_num_queries(3):
        read_waiting()

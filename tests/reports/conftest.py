"""Two processors and the hours of a day, for what the reports tell."""

from datetime import UTC, datetime, timedelta

import pytest

from limits.models import OverviewSnapshot
from ppims.core import clock
from ppims.reports import overview_counts
from ppims.reports.overview import read_overview
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.ledger.histories import adjust

NOON = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # in India; after all that a migration wrote

MINUTE = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch):
    """Let one look count all there is, however busy the machine."""
    monkeypatch.setitem(overview_counts.refresh.__kwdefaults__, "seconds", 60.0)


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")


class Day:
    """A clock that stands still, and is set on."""

    def __init__(self):
        self.at = NOON

    def __call__(self, **later):
        """Do something so much later: `with day(minutes=1): …`."""
        self.at += timedelta(**(later or {"seconds": 1}))
        return clock.freeze(self.at)


@pytest.fixture
def day():
    return Day()


@pytest.fixture
def customer(ent, day):
    with day():
        return make_customer(ent)


@pytest.fixture
def story(ent, day):
    """A transaction of each outcome, told over one hour: the customer they are about."""
    with day():
        customer = make_customer(ent)
    with day():
        make_check(ent, customer, 1_000, ref_id="POSTED")
    with day():
        make_posting(ent, customer, 900, enquiry="POSTED", tran_id="T1")
    with day():
        make_check(ent, customer, 2_000, ref_id="REVERSED")
    with day():
        make_posting(ent, customer, 2_000, enquiry="REVERSED", tran_id="T2")
    with day():
        make_posting(ent, customer, 2_000, kind="R", tran_id="T2")
    with day():
        make_check(ent, customer, 3_000, ref_id="RELEASED")
    with day():
        make_posting(ent, customer, 3_000, kind="F", enquiry="RELEASED")
    with day():
        make_check(ent, customer, 1_000_001, ref_id="DECLINED")
    with day():
        make_posting(ent, customer, 4_000, direction="C")  # without a check
    with day():
        adjust(customer, 203106, 500)
    with day():
        make_check(ent, customer, 5_000, ref_id="HELD", direction="C")
    return customer


def read_overview_at(instant):
    """Give the overview of an instant, counted anew whatever its age."""
    with clock.freeze(instant):
        OverviewSnapshot.objects.update(at=instant - MINUTE)
        return read_overview()


def spend(processor, customer, paise, when, **more):
    with clock.freeze(when):
        return make_posting(processor, customer, paise, **more)

"""People whose loading stops soon, and the watch, for its tests."""

from datetime import UTC, date, datetime, timedelta

from limits.models import Notice
from ppims.core import calendar, clock
from ppims.maintenance import watch
from tests.factories import make_customer, make_rule

AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
TODAY = date(2031, 6, 17)
MONTHS = 24


def make_stop(months=MONTHS, since=AT - timedelta(days=900), tier="P"):
    """Let a rule stop loading so many months after somebody came to a tier."""
    place = {"tier": tier, "direction": "C", "window": "CREDIT_STOP"}
    return make_rule(**place, amount=months, in_force_from=since)


def add_person(ent, since, **details):
    """Add somebody who came to the tier at an instant, or on a day."""
    if not isinstance(since, datetime):
        since = calendar.find_midnight(since) + timedelta(hours=15)
    with clock.freeze(AT - timedelta(days=1)):
        return make_customer(ent, kyc_updated_on=since, **details)


def add_near(ent, days, **details):
    """Add somebody whose loading stops in so many days."""
    stop = calendar.find_midnight(TODAY + timedelta(days=days))
    return add_person(ent, calendar.add_months(stop, -MONTHS), **details)


def look(**later):
    """Watch at AT, or so much later."""
    with clock.freeze(AT + timedelta(**later)):
        return watch.watch()


def read_notice(unique_id):
    return Notice.objects.filter(unique_id=unique_id).first()


def read_open(kind):
    rows = Notice.objects.filter(kind=kind, state="OPEN").order_by("urgency", "pk")
    return [(row.day, row.step, row.count) for row in rows]

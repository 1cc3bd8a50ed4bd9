"""Two processors and the hours of a day, for what the reports tell."""

from datetime import UTC, datetime, timedelta

import pytest

from ppims import clock
from tests.factories import make_processor

NOON = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # in India; after all that a migration wrote


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
        return clock.frozen(self.at)


@pytest.fixture
def day():
    return Day()

"""How doctor looks, for its tests."""

from datetime import UTC, datetime

from ppims.core import clock
from ppims.maintenance.doctor import examination

AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)


def look(check, at=AT):
    """Run a check as doctor does: the level of each thing, by its name."""
    with clock.freeze(at):
        return {each.name: each.level for each in examination._look(check)}

"""The replay on made-up data: under the rules that were in force, every recorded decision."""

import pytest

from limits.models import LimitCheck
from limits.services import what_if
from ppims.core import calendar
from ppims.seed import writing
from tests.commands.test_seed import PLAN, add_rules_of_every_kind

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_of_every_kind", [False, True])
def test_made_up_histories_give_every_decision_that_is_recorded(
    data_dir, small_batches, is_of_every_kind
):
    if is_of_every_kind:
        add_rules_of_every_kind()
    writing.begin(PLAN)
    list(writing.write(PLAN))
    until = calendar.from_microseconds(PLAN.ends_at)
    found = what_if.work_out({}, months=12, until=until)
    since = what_if.make_frame(12, until).since
    assert found["checks"] == LimitCheck.objects.filter(at__gte=since).count() > 100
    declined = LimitCheck.objects.filter(at__gte=since, is_allowed=False).count()
    assert declined > 0
    assert (found["declined"]["checks"], found["let_through"]["checks"]) == (0, 0)
    # And it is the rules that say so: without a limit all of them but those for a state pass.
    proposed = {
        (tier, direction, window): None
        for tier in "NPF"
        for direction in "DC"
        for window in ("MONTH", "FINANCIAL_YEAR", "TRANSACTION", "BALANCE", "CREDIT_STOP")
    }
    found = what_if.work_out(proposed, months=12, until=until)
    assert found["let_through"]["checks"] == declined

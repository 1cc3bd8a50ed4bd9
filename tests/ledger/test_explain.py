"""Everything recorded comes about anew, and what was changed behind the services' back does not."""

import pytest

from limits.explain import explain_check, explain_entry
from limits.models import LedgerEntry, LimitCheck
from ppims.core import clock
from tests.ledger import histories

pytestmark = pytest.mark.django_db


def explain_all():
    checks = LimitCheck.objects.values_list("customer_id", "pk")
    entries = LedgerEntry.objects.values_list("customer_id", "pk")
    return [
        *(explain_check(*each) for each in checks),
        *(explain_entry(*each) for each in entries),
    ]


def describe(explained):
    row = explained.row
    return type(row).__name__, row.id, explained.differing, explained.refusals, explained.problems


@pytest.mark.parametrize("seed", range(2))
def test_every_row_of_honest_histories_is_as_recorded(seed):
    written = histories.write(seed, customers=6, steps=12)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    for history in written:
        history.step()
    with clock.freeze(max(history.at for history in written)):
        found = explain_all()
    assert [describe(each) for each in found if not each.is_as_recorded] == []
    assert len(found) > 70

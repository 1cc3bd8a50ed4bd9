"""No honest history raises a false alarm."""

import pytest

from limits.models import LedgerEntry, LimitCheck
from limits.services import seals
from limits.verify import verify
from ppims.core import clock
from tests.ledger import histories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(8))
def test_a_thousand_honest_histories_raise_no_alarm(seed):
    written = histories.write(seed, customers=62, steps=2)
    seals.make()
    written += histories.write(1_000 + seed, customers=63, steps=7)
    seals.make()
    for history in written:
        history.step()
    with clock.freeze(max(history.at for history in written)):
        assert [str(finding) for finding in verify()] == []
    kinds = set(LedgerEntry.objects.values_list("kind", flat=True))
    flags = {flag for entry in LedgerEntry.objects.all() for flag in entry.flag_list}
    assert kinds == {"S", "F", "R", "A"}
    assert flags == set(LedgerEntry.Flag) - {LedgerEntry.Flag.BLOCKED}
    assert set(LimitCheck.objects.values_list("is_allowed", flat=True)) == {True, False}

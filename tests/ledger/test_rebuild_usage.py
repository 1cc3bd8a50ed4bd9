"""The cached usage is the ledger's sums: dropped, wrong or rebuilt, no answer differs."""

import random
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from limits.models import LedgerEntry, LimitCheck, MonthlyUsage
from limits.verify import verify
from ppims.core import clock
from tests.factories import make_customer, make_posting, make_processor
from tests.ledger import histories

pytestmark = pytest.mark.django_db


def read_cached():
    return list(MonthlyUsage.objects.order_by("pk").values_list())


def test_rebuilding_gives_the_same_rows_back(capsys):
    histories.write(7, customers=5, steps=20)
    before = read_cached()
    assert len(before) > 5
    call_command("rebuild_usage")
    assert read_cached() == before
    assert "Put right: 0 months." in capsys.readouterr().out
    MonthlyUsage.objects.all().delete()
    call_command("rebuild_usage")
    assert read_cached() == before


def test_rows_that_are_wrong_missing_or_too_many_are_set_right(capsys):
    histories.write(8, customers=3, steps=20)
    with clock.freeze(datetime(2027, 1, 1, tzinfo=UTC)):
        count_rows_set_right(capsys)


def count_rows_set_right(capsys):
    before = read_cached()
    first, second = MonthlyUsage.objects.order_by("pk")[:2]
    MonthlyUsage.objects.filter(pk=first.pk).update(debit_paise=first.debit_paise + 1)
    MonthlyUsage.objects.filter(pk=second.pk).delete()
    MonthlyUsage.objects.create(
        customer_id=first.customer_id, month=199901, debit_paise=5, credit_paise=0
    )
    assert [finding.row for finding in verify()] == [
        f"usage of customer {first.customer_id} in {month}" for month in (199901, first.month)
    ]
    call_command("rebuild_usage")
    assert read_cached() == before
    assert "Put right: 3 months." in capsys.readouterr().out


def test_one_customer_is_rebuilt_alone():
    ent = make_processor()
    one, other = make_customer(ent), make_customer(ent)
    for customer in (one, other):
        make_posting(ent, customer, 100)
    MonthlyUsage.objects.all().delete()
    call_command("rebuild_usage", customer=one)
    assert list(MonthlyUsage.objects.values_list("customer_id", flat=True)) == [one]
    with pytest.raises(CommandError, match="nothing in the ledger"):
        call_command("rebuild_usage", customer=10**14)


def read_answers(history):
    """What the checks and entries of a customer say, but for what names them."""
    fields = "at month direction amount_paise cumulative_paise available_paise".split()
    rows = (
        LimitCheck.objects.filter(customer=history.customer)
        .order_by("number")
        .values_list(*fields, "is_allowed", "reason", "used_paise", "held_paise"),
        LedgerEntry.objects.filter(customer=history.customer)
        .order_by("number")
        .values_list(*fields, "kind", "flags", "used_after_paise", "held_after_paise"),
    )
    return [list(each) for each in rows]


@pytest.mark.parametrize("seed", range(5))
def test_dropped_rows_change_no_answer_and_no_entry(seed):
    """Back-dated reversals and adjustments among it: the same story, rows dropped at random."""
    draw = random.Random(seed)
    plain = histories.write(seed, customers=2, steps=25)
    told = [read_answers(history) for history in plain]
    dropping = histories.write(seed, customers=2, steps=0)
    for _ in range(25):
        for history in dropping:
            rows = list(MonthlyUsage.objects.values_list("pk", flat=True))
            for pk in draw.sample(rows, draw.randint(0, len(rows))):
                MonthlyUsage.objects.filter(pk=pk).delete()
            history.step()
    assert [read_answers(history) for history in dropping] == told
    assert len(told[0][1]) > 5
    call_command("rebuild_usage")
    with clock.freeze(max(history.at for history in dropping)):
        assert [str(finding) for finding in verify()] == []

"""The command counts to the end, and anew where it is told to."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from limits.models import NearLimit, OverviewSnapshot
from ppims.core import clock
from ppims.management.commands import count_figures
from ppims.reports import overview_counts
from ppims.reports.overview import read_overview
from tests.factories import make_customer, make_posting, make_processor

pytestmark = pytest.mark.django_db
CLAIM_TIME = timedelta(seconds=9)
MOST_OF_A_LIMIT = 900_000


def test_it_counts_what_looking_would_take_many_looks_for(monkeypatch):
    ent = make_processor("ENT")
    for paise in range(1, 8):
        make_posting(ent, make_customer(ent), paise)
    monkeypatch.setattr(overview_counts, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(count_figures, "SECONDS_AT_ONCE", 0)
    call_command("count_figures", stdout=StringIO())
    told = read_overview()
    assert (told.is_complete, told.today.spent.count, told.today.added) == (True, 7, 7)


def test_anew_forgets_what_was_counted():
    ent = make_processor("ENT")
    make_posting(ent, make_customer(ent), MOST_OF_A_LIMIT)
    call_command("count_figures", stdout=StringIO())
    NearLimit.objects.update(permille=950)
    call_command("count_figures", stdout=StringIO())
    assert read_overview().nearest[0].permille == 950
    call_command("count_figures", "--anew", stdout=StringIO())
    assert read_overview().nearest[0].permille == 900
    assert read_overview().today.spent.count == 1


def test_it_says_so_where_somebody_else_is_counting(monkeypatch):
    monkeypatch.setattr(count_figures, "PAUSE_SECONDS", 0)
    now = clock.now()
    OverviewSnapshot.objects.create(number=1, at=now, claimed_until=now + CLAIM_TIME, state="{}")
    with pytest.raises(CommandError, match="Somebody else"):
        call_command("count_figures", stdout=StringIO())

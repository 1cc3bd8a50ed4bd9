"""Every check and entry as a row of its own, at its own instant, last first."""

import pytest

from limits.models import LedgerEntry
from ppims.reports.heads import ANY_FLAG, Filters
from ppims.reports.records import Kind, Source
from ppims.reports.transactions import list_records

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
ALL_FILTERS = Filters()


def list_kinds(filters=ALL_FILTERS):
    return [row.kind for row in list_records(filters).rows]


def test_every_record_has_a_row_of_its_own_at_its_own_instant(story):
    assert list_kinds() == [
        *(Kind.CHECK, Kind.ADJUSTED, Kind.POSTED, Kind.CHECK, Kind.RELEASED, Kind.CHECK),
        *(Kind.REVERSED, Kind.POSTED, Kind.CHECK, Kind.POSTED, Kind.CHECK),
    ]
    instants = [row.at for row in list_records(ALL_FILTERS).rows]
    assert instants == sorted(instants, reverse=True)


@pytest.mark.parametrize(
    "kind", [Kind.CHECK, Kind.POSTED, Kind.RELEASED, Kind.REVERSED, Kind.ADJUSTED]
)
def test_a_kind_gives_just_the_records_of_that_kind(story, kind):
    there = [row for row in list_records(ALL_FILTERS).rows if row.kind == kind]
    assert there
    assert list_records(Filters(kind=kind)).rows == there


def test_nothing_has_moved_yet(story):
    assert list_kinds(Filters(kind=Kind.MOVED)) == []


def test_records_are_filtered_by_type_processor_and_flag(story, ent, cbs):
    every = list_records(ALL_FILTERS).rows
    for wanted, test in (
        (Filters(direction="C"), lambda row: row.direction == "C"),
        (Filters(processor_id=ent.pk), lambda row: row.processor_id == ent.pk),
        (Filters(processor_id=cbs.pk), lambda row: False),
        (Filters(flag=ANY_FLAG), lambda row: row.flags),
        (Filters(flag="UNCHECKED"), lambda row: "UNCHECKED" in row.flags),
    ):
        assert list_records(wanted).rows == [row for row in every if test(row)]


def test_a_record_tells_what_happened(story, ent):
    posted = list_records(Filters(kind=Kind.POSTED)).rows[-1]
    entry = LedgerEntry.objects.get(tran_id="T1")
    assert (posted.source, posted.id, posted.at) == (Source.ENTRY, entry.pk, entry.at)
    assert (posted.customer_id, posted.processor_id) == (story, ent.pk)
    assert (posted.amount_paise, posted.direction) == (900, "D")
    assert (posted.flags, posted.tran_id) == (("AMOUNT_DIFFERS",), "T1")
    assert (posted.number, posted.month) == (1, 203106)
    held, declined, *_ = list_records(Filters(kind=Kind.CHECK)).rows
    assert (declined.is_allowed, declined.what) == (False, "MONTH_LIMIT")
    assert (held.is_allowed, held.what) == (True, "WITHIN_LIMITS")

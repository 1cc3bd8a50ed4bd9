"""The statements for many machines say the same on one: PostgreSQL takes both forms."""

from itertools import product

import pytest
from django.db import connection
from django.test import Client

from customers.models import Customer
from limits.verify import verify
from ppims.core import calendar, clock
from ppims.db import nodes
from ppims.reports.customers import Filters, list_customers
from ppims.reports.customers_of_month import OfMonth, What, list_customers_of_month
from ppims.reports.flagged import list_waiting
from ppims.reports.keyset import Position
from ppims.reports.month_span import make_span
from tests.conftest import Caller
from tests.factories import make_check, make_customer, make_person, make_posting, set_tier
from tests.reports.test_query_plans import call_every_operation

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("postgresql", "of many machines each is a PostgreSQL"),
]


@pytest.fixture
def many(monkeypatch):
    """Let all be asked as it is of many machines."""

    def ask_so(is_so=True):
        monkeypatch.setattr(nodes, "are_many", lambda: is_so)
        monkeypatch.setattr(nodes, "require_two_phases", lambda: None)

    ask_so()
    return ask_so


def test_every_operation_answers_and_the_ledger_verifies(many, ent, cbs):
    body = make_person(Card_Number="6070800000004321", Card_Status="A", Cif_Id="CIF1", KYC_Flag="P")
    call_every_operation(Caller(ent.processor, Client()), body)
    call_every_operation(Caller(cbs.processor, Client()), {**body, "Ref_Id": "A2"})
    assert list(verify(with_columns=False)) == []


def read_lists(ent, cbs):
    """Read customers by all filters together, and the flagged postings that wait."""
    tiers = (None, *Customer.objects.values_list("tier", flat=True).distinct())
    callers = (None, ent.processor.pk, cbs.processor.pk)
    asked = [Filters(*each) for each in product(tiers, (None, "ACTIVE"), callers)]
    month = calendar.number_ist_month(clock.now())
    asked += [
        Filters(processor_id=each, first_tier="P", frame=make_span(month).frame) for each in callers
    ]
    read = [list_customers(filters).rows for filters in asked]
    asked_of_month = [OfMonth(month, *each) for each in product(What, (None, "P", "F"))]
    read += [list_customers_of_month(each, rows=2).rows for each in asked_of_month]
    return [*read, list_waiting(Position(0, 0, 0), rows=2).rows]


@pytest.mark.parametrize("way", ["nestloop", "hashjoin", "mergejoin"])
def test_lists_have_the_same_rows_in_the_same_order(many, ent, cbs, way):
    """However one machine joins what is looked at with what is wanted."""
    for callers in ((ent,), (cbs,), (ent, cbs), (ent,)):
        first, *_ = processors = [each.processor for each in callers]
        customer = make_customer(*processors)
        make_check(first, customer, 100, ref_id=f"C{customer}")
        make_posting(first, customer, 100, tran_id=f"T{customer}")  # flagged: unchecked
        set_tier(customer, "F")
    set_tier(customer, "P")
    make_posting(ent.processor, customer, 10**9)
    of_many = read_lists(ent, cbs)
    many(False)
    with connection.cursor() as cursor:
        for other in {"nestloop", "hashjoin", "mergejoin"} - {way}:
            cursor.execute(f"SET LOCAL enable_{other} = off")
    assert read_lists(ent, cbs) == of_many
    assert any(of_many)
    assert len(of_many[-1]) == 2

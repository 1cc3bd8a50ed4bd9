"""Made-up data: row for row what the services would have written, the same every time, stopped or
not.
"""

import pytest
from django.db import connection

from customers import services as customers
from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    Identifier,
    KycChange,
    Receipt,
    Registration,
)
from limits import bulk
from limits.models import Hold, LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from limits.services import checks, updates
from ppims import append_only, clock
from ppims.models import AuditEntry, AuditHead, ReplayKey
from ppims.rows import Reader, stream
from ppims.seed import building, writing
from ppims.seed.story import Plan, Story
from tests.factories import make_processor

pytestmark = pytest.mark.django_db
PLAN = Plan(customers=300, months=12, seed=7, until="2026-11-20")
TABLES = (
    *(Customer, Identifier, Registration, Account, Card, Document, KycChange, Receipt),
    *(LimitCheck, Hold, LedgerEntry, LedgerHead, MonthlyUsage, ReplayKey, AuditEntry, AuditHead),
)
HOW_MANY = 100
DRAWN = {"sealed"}  # encrypted with a nonce


class ByServices:
    """Tells a story to the services, the clock standing at each instant."""

    def __init__(self, unique_id):
        self.unique_id = unique_id

    def add(self, call, told, *, at):
        with clock.frozen(bulk.instant(at)):
            customers.add_customer(call=call, told=told, draw_unique_id=lambda: self.unique_id)

    def rise(self, call, told, *, at):
        with clock.frozen(bulk.instant(at)):
            customers.update_customer(call=call, told=told)

    def check(self, call, ask, *, at):
        with clock.frozen(bulk.instant(at)):
            return checks.check_limit(call=call, ask=ask)[0].is_allowed

    def update(self, call, report, *, at):
        with clock.frozen(bulk.instant(at)):
            updates.update_limit(call=call, report=report)


def rows(model):
    """Give a table's rows in the order of their keys, but for what is drawn at random."""
    names = [f.attname for f in model._meta.concrete_fields if f.attname not in DRAWN]
    reader = Reader(model, names)
    key = ", ".join(
        f't."{field.column}"'
        for field in getattr(model._meta.pk, "fields", None) or [model._meta.pk]
    )
    sql = f'SELECT {reader.columns()} FROM "{reader.table}" t ORDER BY {key}'
    return [dict(zip(names, row, strict=True)) for row in stream(sql, [], instants=reader.instants)]


def everything():
    return {model.__name__: rows(model) for model in TABLES}


@pytest.fixture
def processors():
    return [make_processor(name) for name in writing.SYSTEM_IDS]


def hand_out_ids_from_one():
    """Make the database's next id 1 in every table: what is signed has ids in it."""
    append_only.remove("ppims_auditentry")
    AuditEntry.objects.all().delete()
    AuditHead.objects.all().delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in writing.NUMBERED:
                sql = "SELECT setval(pg_get_serial_sequence(%s, 'id'), 1, false)"
                cursor.execute(sql, [model._meta.db_table])


def test_each_row_is_what_the_services_would_have_written(processors):
    hand_out_ids_from_one()
    savepoint = connection.savepoint()
    for number in range(HOW_MANY):
        story = Story(PLAN, number, processors)
        story.tell(ByServices(story.unique_id))
    told = everything()
    connection.savepoint_rollback(savepoint)
    builder = building.Builder(PLAN, processors, bulk.Rulebook())
    writing._insert(builder.build(building.Job(range(HOW_MANY), range(1, 10_000))))
    written = everything()
    for name, rows_of_it in told.items():
        assert rows_of_it, name
        assert written[name] == rows_of_it, name

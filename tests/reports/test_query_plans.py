"""Every statement of the reports, and of what processors call, is on an index: plans are read, and
none goes through a table that grows.
"""

import re
from contextlib import contextmanager
from functools import partial
from itertools import product

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client, override_settings

from customers.models import Customer
from limits.models import OverviewSnapshot
from limits.services.findings import find_closing, list_notes, note
from limits.services.refused_reports import list_reports
from ppims.api import root
from ppims.backoffice.customer.profile import read_person
from ppims.core import calendar, clock
from ppims.models import User
from ppims.reports import flagged, keyset, overview_counts, reviews
from ppims.reports import refused_reports as reports_refused_reports
from ppims.reports.activity import list_activity, list_every_record
from ppims.reports.audit import AuditFilters, list_audit
from ppims.reports.calls import CallFilters, list_calls
from ppims.reports.customers import Filters as Wanted
from ppims.reports.customers import list_customers
from ppims.reports.heads import Filters
from ppims.reports.keyset import Frame, Position
from ppims.reports.limit_status import read_limit_status
from ppims.reports.open_items import list_open_items
from ppims.reports.outcomes import Outcome
from ppims.reports.overview import read_overview
from ppims.reports.past_months import list_past_months
from ppims.reports.records import Kind
from ppims.reports.totals import sum_transactions
from ppims.reports.transactions import list_records, list_transactions
from ppims.services import call_buffer
from tests.conftest import Caller
from tests.factories import make_check, make_customer, make_person, make_posting, refuse
from tests.ledger.histories import adjust
from tests.reports.every_filter import (
    read_the_audit,
    read_the_lists_of_a_month,
    read_transactions_and_records,
    search_in_every_way,
)

pytestmark = pytest.mark.django_db
STAY_SMALL = {
    *("ppims_processor", "ppims_user", "limits_limitrule", "limits_figures", "limits_seal"),
    *("limits_ruleset", "limits_adjustment", "customers_unblocking", "customers_duplicatereview"),
    *("customers_kycproposal", "customers_merge", "customers_numberpassedon"),
    *("ppims_staffchange", "ppims_processorchange", "ppims_keyrotation"),
    *("customers_importfile", "customers_customerimport"),
}
GROWING_TABLES = {
    model._meta.db_table
    for model in apps.get_models()
    if model._meta.app_label in {"ppims", "customers", "limits"}
} - STAY_SMALL
# Indexes in an order of time, or of keys: with a LIMIT a walk through one of them is a bounded one.
WALKED_INDEXES = {
    *("check_by_time", "check_declined", "entry_by_time", "entry_flagged"),
    *("entry_head_by_time", "audit_entry_by_time", "audit_entry_by_staff"),
    *("customer_by_arrival", "customer_blocked", "kyc_raised_or_lowered"),
}
# Of what is open alone, and counted once a minute at most.
COUNTED_INDEXES = {"notice_open_by_time"}
NAMED_TABLE = re.compile(
    r'(?:FROM|JOIN|UPDATE)\s+"?(\w+)"?(?:\s+(?:AS\s+)?(?!WHERE|ORDER|JOIN|SET|LEFT)(\w+))?'
)
# What is sorted without an index is a batch, a page, one customer's, or what is few.
BOUNDED_CONDITION = re.compile(
    r"(t\.)?id > %s AND (t\.)?id <= %s|unique_id > %s ORDER BY unique_id LIMIT %s|unique_id IN \("
    r"|customer_id\"? = (%s|asked\.customer_id|%\(customer\)s)|subject = %s"
    r"|customer_id\"? IN \("  # of one person's ids
    r"|FROM \"?limits_(limitrule|ruleset|watched)"
)


@contextmanager
def hear(statements):
    """Hear every statement, each text once, with the values it had first."""

    def hear(execute, sql, params, many, context):
        if re.match(r"[\s(]*(SELECT|INSERT|UPDATE|DELETE|WITH)", sql):
            statements.setdefault(re.sub(r"\s+", " ", sql).strip(), params[0] if many else params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(hear):
        yield


@pytest.fixture
def told(ent, cbs):
    """A little of everything: a customer through two processors, blocked in the end."""
    body = make_person(Card_Number="6070800000004321", Card_Status="A", Cif_Id="CIF1", KYC_Flag="P")
    customer = make_customer(ent, cbs, card_number="6070800000004321", cif_id="CIF1")
    make_check(ent, customer, 100, ref_id="C1")
    make_posting(ent, customer, 100, enquiry="C1", tran_id="T1")
    make_posting(ent, customer, 50, kind="R", tran_id="T1")
    adjust(customer, calendar.number_ist_month(clock.now()), 5)
    refuse(ent, customer, 7, "T1")
    return body, customer


def read_all_reports(customer, ent):
    now = clock.now()
    frame = Frame(now.replace(hour=0), now)
    page = list_transactions(Filters(), now, rows=1)
    read_transactions_and_records(ent, now, page.next)
    read_the_audit(customer, ent, page)
    list_activity([customer], now)
    list_every_record([customer])
    read_limit_status(Customer.objects.get(pk=customer))
    read_person(Customer.objects.get(pk=customer), [customer])
    list_past_months(Customer.objects.get(pk=customer), now)
    list_open_items([customer])
    list_activity([customer], now, frame, cursor=list_activity([customer], now, rows=1).next)
    for tier in (None, "P"):
        for status in (None, *Customer.Status.values):
            for who in (None, ent.pk):
                for level in (None, 1):
                    asked = Wanted(tier, status, who, level)
                    list_customers(asked)
                    list_customers(asked, cursor=page.next)
    read_the_lists_of_a_month(page.next)
    search_in_every_way(customer)
    read_overview()
    for listed in (reviews.list_waiting, reviews.list_decided):
        listed(cursor=page.next)
    read_the_queue_of_flagged(make_posting(ent, customer, 1)[0])
    read_what_was_refused(ent, customer)
    make_customer(ent)
    make_posting(ent, customer, 1)
    OverviewSnapshot.objects.update(claimed_until=now, at=now.replace(year=2020))
    read_overview()


def read_the_queue_of_flagged(entry):
    flagged.list_waiting(
        Position(0, 0, 0),
        cursor=flagged.list_waiting(overview_counts.find_flagged_position(), rows=1).next,
    )
    note(entry, finding="GENUINE", note="–", user=User.objects.create(username="f"))
    find_closing(entry)
    flagged.list_closed(cursor=flagged.list_closed(rows=1).next)


def read_what_was_refused(ent, customer):
    for keeps_bodies, who, is_refused, number in product(
        (True, False), (None, ent.pk), (False, True), ("", "R-1")
    ):
        with override_settings(PPIMS_KEEPS_BODIES=keeps_bodies):
            asked = CallFilters(who, is_refused, number)
            list_calls(asked, cursor=list_calls(asked, rows=1).next)
    refuse(ent, customer, 9, "T1")
    reports_refused_reports.list_waiting(
        0,
        cursor=reports_refused_reports.list_waiting(
            overview_counts.find_refused_position(), rows=1
        ).next,
    )
    report, *_ = reports_refused_reports.list_waiting(0).rows
    user = User.objects.get(username="f")
    note(report, finding="REPEAT", note="–", user=user)
    find_closing(report)
    list_notes(report)
    list_reports(report.posting)
    reports_refused_reports.list_closed(cursor=reports_refused_reports.list_closed(rows=1).next)


def list_faults(statements):
    """List what of the plans goes through a table that grows, or sorts without a bound."""
    read = {"sqlite": explain_on_sqlite, "postgresql": explain_on_postgresql}[connection.vendor]
    found = []
    with connection.cursor() as cursor:
        for sql, values in statements.items():
            found += [(sql, line) for line in read(cursor, sql, values)]
    return found


def explain_on_sqlite(cursor, sql, values):
    if sql.startswith("INSERT"):  # its plan tells what a broken foreign key would look through
        return
    cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    plan = [row[3] for row in cursor.fetchall()]
    tables = {alias or table: table for table, alias in NAMED_TABLE.findall(sql)}
    sorts = [line for line in plan if re.match("USE TEMP B-TREE FOR (ORDER|GROUP|DISTINCT)", line)]
    if sorts and not BOUNDED_CONDITION.search(sql):
        yield sorts[0]
    for line in plan:
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if scan and tables.get(scan[1]) in GROWING_TABLES:
            is_a_walk = scan[2] in WALKED_INDEXES and re.search(r"LIMIT \d+", sql) and not sorts
            is_a_count = scan[2] in COUNTED_INDEXES and sql.startswith("SELECT COUNT(")
            if not is_a_walk and not is_a_count:
                yield line


def explain_on_postgresql(cursor, sql, values):
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute(f"EXPLAIN {sql}", values)
    for (line,) in cursor.fetchall():
        scan = re.search(r"Seq Scan on (\w+)", line)
        if scan and scan[1] in GROWING_TABLES:
            yield line


def test_every_statement_of_the_reports_is_on_an_index(told, ent):
    statements = {}
    with hear(statements):
        read_all_reports(told[1], ent)
    assert len(statements) > 100
    assert list_faults(statements) == []


def test_every_statement_that_processors_cause_is_on_an_index(told, ent, cbs):
    statements, (body, _) = {}, told
    with hear(statements):
        call_every_operation(Caller(ent, Client()), body)
        call_every_operation(Caller(cbs, Client()), {**body, "Ref_Id": "A2"})
    assert len(statements) > 40
    assert list_faults(statements) == []


def call_every_operation(caller, body):
    """Call each operation, the ones that are kept twice over: a repeat is read, too."""
    refs = {"Ref_Id": f"{caller.processor.system_id}1"}
    body = {**body, **refs}
    _, added, _ = caller.call("add-customer", **body)
    who = {"Unique_Id": added["Data"]["Unique_Id"]}
    asked = {**who, **refs, "Amount": "100.00", "Tran_Type": "D"}
    happened = {**asked, "Tran_Id": "T7", "Enquiry_Ref_Id": refs["Ref_Id"]}
    status = {
        "Mobile_Number": body["Mobile_Number"],
        "Ovid_Type": "PAN",
        "Ovid_Value": "ABCPE1234F",
    }
    for _ in range(2):
        for operation, message in (
            ("add-customer", body),
            ("update-customer", {**who, **refs, "Customer_Name": "Meera Rao", "KYC_Flag": "P"}),
            ("check-customer-kyc", who),
            ("customer-registration-status", status),
            ("check-customer-limit", {**asked, "Card_Number": body["Card_Number"]}),
            ("update-customer-limit", {**happened, "Tran_Status": "S"}),
        ):
            http, answer, _ = caller.call(operation, **message)
            assert http == 200, answer
    other = {**happened, "Amount": "50.00", "Tran_Status": "S", "Ref_Id": f"{refs['Ref_Id']}S"}
    http, _, _ = caller.call("update-customer-limit", **other)
    assert http == 409
    for kind in ("R", "F"):
        again = {**happened, "Tran_Status": kind, "Ref_Id": f"{refs['Ref_Id']}{kind}"}
        caller.call("update-customer-limit", **again)
    assert root.buffer.write() > 1
    with override_settings(PPIMS_KEEPS_BODIES=False):
        call_buffer.purge(clock.now())


# What is true of few rows has an index of its own; a walk through another would have no end.
PARTIAL = {
    'NOT t."is_allowed"': "check_declined",
    "NOT (t.\"flags\" = '')": "entry_flagged",
    't."limit_check_id" IS NULL': "entry_head_by_time",
    '(t."processor_id" IS NULL OR t."user_id" IS NOT NULL)': "audit_entry_by_staff",
    "FROM ppims_auditentry t WHERE subject = %s": "sqlite_autoindex_ppims_auditentry_1",
    "t.\"status\" = 'BLOCKED'": "customer_blocked",
    "NOT (t.\"from_tier\" = '')": "kyc_raised_or_lowered",
    't."month" = %s': "watched_near_a_limit",
    'FROM "limits_watched" WHERE "limits_watched"."month" = %s ORDER BY': "watched_by_use",
    't."processor_id" = %s': "registration_by_arrival",
}


@pytest.mark.only_on("sqlite", "of little data PostgreSQL takes any index")
def test_what_few_rows_are_is_found_by_their_own_index(told, ent):
    statements = {}
    with hear(statements):
        read_all_reports(told[1], ent)
    for condition, index in PARTIAL.items():
        asked = {sql: values for sql, values in statements.items() if condition in sql}
        assert asked, condition
        for sql, values in asked.items():
            assert f" INDEX {index} (" in explain(sql, values), sql


@pytest.mark.only_on("sqlite", "of little data PostgreSQL takes any index")
def test_a_posted_tran_id_is_found_by_itself(told, ent):
    statements = {}
    with hear(statements):
        make_posting(ent, told[1], 5, tran_id="T8")
    (asked,) = [
        (sql, values) for sql, values in statements.items() if "tran_id = asked.tran_id" in sql
    ]
    index = "ledger_entry_posts_a_tran_id_once"
    columns = ("tran_id", "customer_id", "processor_id")
    assert f"{index} ({' AND '.join(f'{c}=?' for c in columns)})" in explain(*asked)


def explain(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        return "\n".join(row[3] for row in cursor.fetchall())


def test_a_scan_and_a_sort_are_noticed(told):
    slow = "SELECT id FROM limits_ledgerentry WHERE amount_paise = %s"
    assert len(list_faults({slow: [1]})) == 1
    if connection.vendor == "sqlite":
        sorts = "SELECT id FROM limits_ledgerentry t ORDER BY amount_paise LIMIT 5"
        assert len(list_faults({sorts: []})) == 2


@pytest.mark.only_on("sqlite", "it counts the steps of SQLite's own machine")
def test_a_page_costs_the_same_whatever_is_newer_than_it(told, ent, day):
    asked = [
        lambda frame, cursor: list_transactions(Filters(frame=frame), now),
        lambda frame, cursor: list_transactions(Filters(frame=frame, outcome=Outcome.POSTED), now),
        lambda frame, cursor: list_transactions(Filters(), now, cursor=cursor, rows=3),
        lambda frame, cursor: list_transactions(
            Filters(processor_id=ent.pk), now, cursor=cursor, rows=3
        ),
        lambda frame, cursor: sum_transactions(Filters(frame=frame), now),
        lambda frame, cursor: list_records(Filters(frame=frame, kind=Kind.POSTED)),
        lambda frame, cursor: list_audit(AuditFilters(), cursor=cursor, rows=3),
        lambda frame, cursor: list_audit(AuditFilters(frame=frame, user_id=1)),
        lambda frame, cursor: list_customers(Wanted(), cursor=cursor),
        lambda frame, cursor: list_customers(Wanted(tier="P", processor_id=ent.pk), cursor=cursor),
    ]
    now = clock.now()
    frame, cursor = (
        Frame(now.replace(year=2020), now),
        keyset.Position(calendar.to_microseconds(now), 0, 1),
    )
    before = [count_steps(partial(ask, frame, cursor.write_cursor())) for ask in asked]
    for _ in range(40):
        with day():
            make_posting(ent, make_customer(ent), 5)
    after = [count_steps(partial(ask, frame, cursor.write_cursor())) for ask in asked]
    assert min(before) > 2
    assert [a - b for a, b in zip(after, before, strict=True) if a - b > 15] == []


def count_steps(ask):
    """Count the steps that SQLite takes, in tens."""
    count = 0

    def count_step():
        nonlocal count
        count += 1

    connection.connection.set_progress_handler(count_step, 10)
    try:
        ask()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return count


@pytest.mark.only_on("postgresql", "of SQLite's indexes the key is the end anyway")
def test_an_index_of_time_goes_on_with_the_key(ent):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        made = dict(cursor.fetchall())
    assert "(at, id, processor_id, kind)" in made["entry_by_time"]
    assert "(created_at, unique_id, tier, status)" in made["customer_by_arrival"]
    assert "(processor_id, registered_at, id, customer_id)" in made["registration_by_arrival"]
    assert "(month, created_at, customer_id, level)" in made["watched_near_a_limit"]

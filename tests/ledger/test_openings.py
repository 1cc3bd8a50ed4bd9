"""What a customer had used before an import brought them counts, once, and names who approved it;
what no two people approved is found.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from customers.models import CustomerImport, ImportFile
from limits import ledger
from limits.explain import explain_entry
from limits.models import LedgerEntry, MonthlyUsage
from limits.services.openings import (
    Opening,
    find_approved_import,
    record_openings,
    split_usage,
)
from limits.verify import verify
from ppims.backoffice.explanation import explain_in_words
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed, UnknownCustomer
from ppims.db import append_only
from ppims.models import FourEyes
from ppims.reports.heads import Filters
from ppims.reports.month_figures import Section, read_month_figures
from ppims.reports.records import Kind
from ppims.reports.transactions import list_records, list_transactions
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting
from tests.ledger.histories import adjust, make_maker_and_checker
from tests.two_people import merge_customers, unmerge_customer

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOVEMBER, OCTOBER = 202611, 202610
LIMIT_PAISE = 10_000_00


@pytest.fixture(autouse=True)
def _at():
    with clock.freeze(AT):
        yield


@pytest.fixture
def brought(ent):
    return make_import(ent)


@pytest.fixture
def customer(ent):
    return make_customer(ent)


def make_import(processor, state=FourEyes.State.APPROVED):
    """Put an import that two people approved on record, with the audit's proof of it."""
    maker, checker = make_maker_and_checker()
    at = clock.now()
    file = ImportFile.objects.create(
        processor=processor,
        name="customers.csv",
        digest="0" * 64,
        size_bytes=1,
        brought_by=maker,
        brought_at=at,
    )
    proposal = CustomerImport.objects.create(
        file=file,
        reason="They move to us",
        state=state,
        maker=maker,
        checker=checker,
        proposed_at=at,
        decided_at=at,
    )
    audit.record("import of a test", at=at, user=checker, rows=[proposal])
    return proposal


def record(brought, *rows):
    with transaction.atomic():
        record_openings(brought, [Opening(*row) for row in rows])


def list_openings():
    rows = LedgerEntry.objects.filter(kind="O").order_by("pk")
    return [(row.customer_id, row.month, row.direction, row.amount_paise) for row in rows]


def read_used(customer, month=NOVEMBER):
    row = MonthlyUsage.objects.get(customer_id=customer, month=month)
    return row.debit_paise, row.credit_paise


def list_findings():
    return [str(finding) for finding in verify()]


@pytest.mark.parametrize(("asked", "is_allowed"), [(1_000_00, True), (1_000_01, False)])
def test_it_counts_to_the_paisa(ent, brought, customer, asked, is_allowed):
    record(brought, (customer, NOVEMBER, "D", 9_000_00), (customer, OCTOBER, "C", 5))
    assert read_used(customer) == (9_000_00, 0)
    assert read_used(customer, OCTOBER) == (0, 5)
    assert make_check(ent, customer, asked)[0].is_allowed == is_allowed
    entry = LedgerEntry.objects.get(kind="O", month=NOVEMBER)
    assert (entry.ref_id, entry.processor_id, entry.flags) == (brought.name, None, "")
    assert (entry.used_after_paise, entry.limit_paise) == (9_000_00, LIMIT_PAISE)
    assert list_findings() == []


@pytest.mark.parametrize(("paise", "flags"), [(LIMIT_PAISE, ""), (LIMIT_PAISE + 1, "OVER_LIMIT")])
def test_who_comes_with_more_than_the_limit_is_flagged(brought, customer, paise, flags):
    record(brought, (customer, NOVEMBER, "D", paise))
    assert LedgerEntry.objects.get(kind="O").flags == flags
    assert list_findings() == []


def test_the_same_import_books_it_once_and_another_one_anew(ent, cbs, brought, customer):
    row = (customer, NOVEMBER, "D", 700)
    record(brought, row)
    record(brought, row, (customer, NOVEMBER, "C", 300))
    record(make_import(ent), row)
    assert list_openings() == [row, (customer, NOVEMBER, "C", 300), row]
    assert read_used(customer) == (1_400, 300)


def test_the_database_takes_none_twice(brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    entry = LedgerEntry.objects.get()
    entry.pk, entry.number = entry.pk + 1, entry.number + 1
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save(force_insert=True)


def test_one_unknown_customer_undoes_all_of_the_transaction(brought, customer):
    stranger = 999_999_999_999_999
    with pytest.raises((UnknownCustomer, IntegrityError)):
        record(brought, (customer, NOVEMBER, "D", 700), (stranger, NOVEMBER, "D", 1))
    assert list_openings() == []


def test_many_are_booked_by_a_few_statements(ent, brought):
    customers = [make_customer(ent) for _ in range(12)]
    counts = []
    for some in (customers[:2], customers[2:]):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            record(brought, *((each, NOVEMBER, "D", 500) for each in some))
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert len(list_openings()) == len(customers)
    assert list_findings() == []


@pytest.mark.parametrize(
    ("month_used", "year_used", "at", "parts"),
    [
        (300, 1_000, AT, [(OCTOBER, 700), (NOVEMBER, 300)]),
        (300, 300, AT, [(NOVEMBER, 300)]),
        (0, 5, datetime(2027, 1, 15, tzinfo=UTC), [(202612, 5)]),
        (0, 0, AT, []),
        (7, 7, datetime(2026, 4, 2, tzinfo=UTC), [(202604, 7)]),
        (0, 7, datetime(2026, 4, 30, 18, 30, tzinfo=UTC), [(202604, 7)]),  # 1 May in India
    ],
)
def test_a_year_is_split_into_its_month_and_the_one_before(month_used, year_used, at, parts):
    assert split_usage(month_used=month_used, year_used=year_used, at=at) == parts


@pytest.mark.parametrize(
    ("month_used", "year_used", "at"),
    [(2, 1, AT), (7, 8, datetime(2026, 4, 2, tzinfo=UTC))],
)
def test_a_year_that_can_not_be_is_refused(month_used, year_used, at):
    with pytest.raises(Malformed) as refusal:
        split_usage(month_used=month_used, year_used=year_used, at=at)
    assert [name for name, _ in refusal.value.errors] == ["used_year"]


def test_no_processor_reverses_it_and_staff_correct_it(ent, brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    with pytest.raises(Conflict):
        make_posting(ent, customer, 700, kind="R", tran_id=brought.name)
    adjust(customer, NOVEMBER, -700)
    assert read_used(customer) == (0, 0)
    assert list_findings() == []


def test_a_merge_takes_it_along_and_an_unmerge_gives_it_back(ent, cbs, brought):
    with clock.freeze(AT - timedelta(days=9)):
        survivor = make_customer(ent)
    merged = make_customer(cbs)
    record(brought, (survivor, NOVEMBER, "D", 100))
    record(make_import(cbs), (merged, NOVEMBER, "D", 30))
    merge_customers(survivor, merged)
    assert read_used(survivor) == (130, 0)
    record(make_import(cbs), (merged, NOVEMBER, "D", 7))
    again = CustomerImport.objects.latest("pk")
    record(again, (merged, NOVEMBER, "D", 7))  # found in the survivor's ledger
    assert read_used(survivor) == (137, 0)
    unmerge_customer(merged)
    assert (read_used(survivor), read_used(merged)) == ((100, 0), (37, 0))
    assert list_findings() == []


def test_it_comes_about_anew_and_in_words(ent, brought, customer):
    make_posting(ent, customer, 50, tran_id="T1")
    record(brought, (customer, OCTOBER, "C", 700))
    entry = LedgerEntry.objects.get(kind="O")
    explained = explain_entry(customer, entry.pk)
    assert explained.is_as_recorded
    words = str(explain_in_words(is_check=False, customer_id=customer, row_id=entry.pk))
    for said in (brought.name, "maker", "checker", "They move to us", "Oct 2026"):
        assert said in words


def test_it_is_a_kind_of_its_own_in_lists_and_figures(brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    rows = list_records(Filters(kind=Kind.OPENED)).rows
    assert [(row.kind, row.amount_paise) for row in rows] == [(Kind.OPENED, 700)]
    (one,) = list_transactions(Filters(), clock.now()).rows
    assert (one.head.kind, one.amount_paise, one.is_by_staff) == (Kind.OPENED, 700, True)
    figures = read_month_figures(NOVEMBER).list_of(Section.OPENINGS)
    assert [(each.of, each.count, each.paise) for each in figures] == [(("D",), 1, 700)]
    assert read_month_figures(OCTOBER).list_of(Section.OPENINGS) == []


def test_a_usage_that_is_lost_is_made_of_it_anew(brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    MonthlyUsage.objects.all().delete()
    assert ledger.rebuild_usage(customer) == 1
    assert read_used(customer) == (700, 0)


def test_only_an_approved_import_is_found(brought, ent):
    assert find_approved_import(brought.name) == brought
    waiting = make_import(ent, FourEyes.State.REJECTED)
    wrong = [waiting.name, "IMPORT-", f"IMPORT-0{brought.pk}", f"MERGE-{brought.pk}", "IMPORT-٣"]
    assert [name for name in [*wrong, f"IMPORT-{'9' * 40}"] if find_approved_import(name)] == []


CHANGES = {
    "another amount": "UPDATE limits_ledgerentry SET amount_paise = 1 WHERE kind = 'O'",
    "another import": "UPDATE limits_ledgerentry SET ref_id = 'IMPORT-77' WHERE kind = 'O'",
    "a posting of it": "UPDATE limits_ledgerentry SET kind = 'A' WHERE kind = 'O'",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_it_is_found(brought, customer, change):
    record(brought, (customer, NOVEMBER, "D", 700))
    append_only.remove("limits_ledgerentry", using=connection)
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(change)
        except IntegrityError:  # a constraint has it already
            return
    assert any("ledger entry 1 " in each for each in list_findings())


def test_what_was_booked_without_approval_is_found(brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    CustomerImport.objects.update(state="REJECTED")
    assert any("two people had not approved" in each for each in list_findings())


def test_what_was_booked_before_its_approval_is_found(brought, customer):
    record(brought, (customer, NOVEMBER, "D", 700))
    CustomerImport.objects.update(decided_at=AT + timedelta(microseconds=1))
    assert any("two people had not approved" in each for each in list_findings())

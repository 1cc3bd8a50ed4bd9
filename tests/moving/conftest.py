"""An installation with rows in every table, and databases to copy it into."""

from datetime import date

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview
from customers.services import blocking, kyc, notes, reviews
from limits.models import NearLimit, PostingFinding, ReconciliationDifference, ReportFinding
from limits.services import reconciliations, rules, seals
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.db import alias
from ppims.maintenance import copy
from ppims.models import Job, KeptCall
from ppims.reports import overview_counts
from ppims.services import (
    access,
    audit,
    call_buffer,
    jobs,
    key_rotations,
    key_usage,
    processor_changes,
    role_groups,
    staff_changes,
)
from ppims.services.sessions import SessionStore
from ppims.services.staff_changes import NewPerson
from tests.factories import (
    draw_mobile,
    make_check,
    make_customer,
    make_notice,
    make_posting,
    make_processor,
    refuse,
)
from tests.ledger.histories import (
    adjust,
    make_import_file,
    make_maker_and_checker,
    propose_import_of,
)
from tests.two_people import merge_customers
from tests.web.second_factors import set_up_factor


@pytest.fixture
def other_databases(transactional_db, django_db_blocker):
    """Let a test connect to more than its own database, which Django's tests refuse."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def filled(other_databases):
    """A row at least in every table of the tests' own database: the customer they are about."""
    role_groups.set_up()
    key_usage.record_use()
    maker, checker = make_maker_and_checker()
    maker.groups.add(Group.objects.get(name="maker"))
    checker.user_permissions.add(Permission.objects.first())
    SessionStore().create()
    jobs.ask(Job.Kind.VERIFY, owner=checker)
    asked = [rules.Proposal("F", "D", "MONTH", 10**7, "a test")]
    rules.propose(proposals=asked, user=maker)
    about = ContentType.objects.get_for_model(Customer)
    LogEntry.objects.create(user=maker, content_type=about, object_repr="–", action_flag=ADDITION)
    ent, cbs = make_processor("ENT"), make_processor("CBS", hold_minutes=5)
    mobile = draw_mobile()
    customer = make_customer(
        *(ent, cbs),
        customer_name="Meera \\ Iyer\t'மீரா' – NULL \\N",
        mobile_number=mobile,
        kyc_flag="F",
        ovid_type="PAN",
        ovid_value="ABCPE1234F",
        card_number="6070800000001234",
        card_status="A",
    )
    with pytest.raises(Conflict):
        make_customer(cbs, mobile_number=mobile, date_of_birth=date(1960, 1, 1))
    make_check(ent, customer, 30_000, ref_id="C1")
    make_posting(ent, customer, 30_000, enquiry="C1", tran_id="T1")
    reversal, _ = make_posting(ent, customer, 10_000, kind="R", tran_id="T1")
    noted = {"finding": "", "note": "asked – why", "user": maker, "at": clock.now()}
    found = [PostingFinding.objects.create(customer_id=customer, entry=reversal, **noted)]
    keep_calls(ent)
    report = refuse(ent, customer, 40_000, "T1")
    found.append(ReportFinding.objects.create(customer_id=customer, report=report, **noted))
    audit.record("noted in a test", at=clock.now(), subject=customer, rows=found)
    make_check(cbs, customer, 5_000, direction="C")
    adjust(customer, calendar.number_ist_month(clock.now()), 1_000)
    notes.add_note(customer_id=customer, text="Called – twice.", user=maker)
    blocking.block(customer_id=customer, reason="asked for", user=maker)
    blocking.propose_unblocking(customer_id=customer, reason="asked for", user=maker)
    propose_everything(ent, customer, maker)
    set_up_factor(maker)
    access.count_failure(user=maker, source="10.0.0.7", kind="PAGE")
    seals.make()
    overview_counts.refresh(seconds=60)
    add_what_is_near(customer)
    empty = [table.table for table in copy.list_tables() if not read_rows(table, "default")]
    assert empty == []
    return customer


def begin_reconciliation(processor, maker):
    today = clock.today()
    file = reconciliations.FileBrought("their.csv", "0f" * 32, 10)
    run = reconciliations.begin(
        processor=processor, since=today, until=today, file=file, user=maker
    )
    only_theirs = ReconciliationDifference(kind="ONLY_THEIRS", tran_id="T9", their_paise=100)
    reconciliations.keep_result(
        run.pk, row_count=1, refused_count=0, sums={}, difference_count=1, differences=[only_theirs]
    )


def keep_calls(processor):
    """Keep a refused call as production does, and one of nobody's as a demo does."""
    KeptCall.objects.create(
        at=clock.now(), processor=processor, operation="check-customer-kyc", ref_id="K1", code="500"
    )
    row = {"at": clock.now(), "operation": "check-customer-kyc", "request_id": "K2", "code": "401"}
    call_buffer.make_call(row, b'{"data": {}}', b'{"Data": {}}').save()


def propose_everything(ent, customer, maker):
    """Propose what is for two people; and let two merge others."""
    lower = CustomerDetails(kyc_flag="P", ovid_type="ADR", ovid_value="234567890124")
    kyc.change(customer_id=customer, details=lower, reason="asked for", user=maker)
    person = NewPerson("newcomer", "viewer")
    staff_changes.propose_adding(person=person, reason="asked for", user=maker)
    processor_changes.propose_password(
        processor_id=ent.pk, keep_days=7, reason="asked for", user=maker
    )
    key_rotations.propose(purpose="ledger", reason="asked for", user=maker)
    propose_import_of(make_import_file(ent, maker), maker)
    review = DuplicateReview.objects.get()
    reviews.decide(review_id=review.pk, outcome="NUMBER_PASSED_ON", reason="asked for", user=maker)
    merge_customers(make_customer(ent), make_customer(ent))
    begin_reconciliation(ent, maker)


def add_what_is_near(customer):
    make_notice(unique_id=customer)
    near = {"created_at": clock.now(), "month": 203106, "level": 1, "permille": 900}
    NearLimit.objects.create(customer_id=customer, **near)


def read_rows(table, using):
    """Read a table as its own database gives it, in one order whatever the database."""
    return set(copy.stream_joined((table,), "", (), using=using))


def read_everything(using):
    """Read all tables. On PostgreSQL a stream asks for a transaction."""
    with transaction.atomic(using=using):
        return {table.table: read_rows(table, using) for table in copy.list_tables()}


@pytest.fixture
def url(request, tmp_path):
    """The URL of an empty database, of the kind whose turn it is."""
    if connection.vendor == "sqlite":
        folder = tmp_path / "a folder"
        folder.mkdir()
        yield alias.write_sqlite_url(folder / "100%.sqlite3")
        return
    server = request.getfixturevalue("postgres_server")
    name = server.make_database()
    yield server.write_url(name)
    server.drop_database(name)


KEPT_BACKUP: list[bytes] = []


@pytest.fixture
def backup(filled, tmp_path):
    file = tmp_path / "backup.zip"
    call_command("backup", str(file))
    return file


@pytest.fixture
def any_backup(request, other_databases, tmp_path):
    """A backup of whatever was backed up first: for what the file alone decides."""
    if not KEPT_BACKUP:
        KEPT_BACKUP.append(request.getfixturevalue("backup").read_bytes())
    file = tmp_path / "any.zip"
    file.write_bytes(KEPT_BACKUP[0])
    return file


@pytest.fixture
def elsewhere(other_databases, url):
    """An empty database in the place of the installation's own. What is restored
    is copied row by row, for the tests' own database is no file either.
    """
    with alias.open_database(url, "elsewhere") as target, alias.use_as_own(target):
        yield target

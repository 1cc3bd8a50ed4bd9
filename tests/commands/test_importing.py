"""The customers of a file are added once two people agree: row for row as the services would write
them, each once, whatever is cut off and whoever else writes.
"""

import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from customers.imports import reading
from customers.models import (
    Account,
    Card,
    Customer,
    CustomerImport,
    Document,
    DuplicateReview,
    Identifier,
    ImportFile,
    KycChange,
    NameWord,
    Receipt,
    Registration,
)
from customers.services import customers, imports
from limits.models import LedgerEntry
from limits.verify import verify
from ppims.core import clock, keys
from ppims.core.errors import Conflict
from ppims.maintenance import import_reading, importing
from ppims.maintenance.jobs import run_next
from ppims.models import AuditEntry, AuditHead, Job, Operation, ReplayKey
from ppims.services.idempotency import Call
from tests.customer_files import (
    add,
    approve,
    keep,
    keep_and_read,
    make_row,
    write_file,
)
from tests.factories import ToldFactory, draw_mobile, make_customer, make_processor
from tests.web.users import make_user_of

pytestmark = pytest.mark.django_db
PAN = {"KYC_Flag": "F", "Ovid_Type": "PAN", "Ovid_Value": "ABCPE1234F"}
WRITTEN = (
    *(Customer, NameWord, Identifier, Registration, Account, Card, Document, KycChange, Receipt),
    *(ReplayKey, AuditEntry, AuditHead),
)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def maker():
    return make_user_of("maker")


@pytest.fixture
def checker():
    return make_user_of("checker")


# Two people.


def test_its_proposer_does_not_approve_it_and_once_is_enough(ent, maker, checker):
    file = keep_and_read(write_file(make_row(1)), ent, maker)
    proposal = imports.propose(file_id=file.pk, reason="They move", user=maker)
    with pytest.raises(Conflict):
        imports.propose(file_id=file.pk, reason="They move", user=maker)
    with pytest.raises(Conflict):
        imports.IMPORT_PROPOSALS.decide(proposal_id=proposal.pk, state="APPROVED", user=maker)
    with pytest.raises(Conflict):
        add(proposal)
    assert not Customer.objects.exists()


@pytest.mark.parametrize("rows", [[], [make_row(1, Mobile_Number="12")]])
def test_what_has_nobody_to_add_is_not_proposed(ent, maker, rows):
    file = keep_and_read(write_file(*rows, names=list(make_row())), ent, maker)
    with pytest.raises(Conflict):
        imports.propose(file_id=file.pk, reason="They move", user=maker)


# Adding.


def write_undone(work):
    """Do work, read the rows that it has written of customers, and undo it."""
    found = {}
    with transaction.atomic():
        work()
        for model in WRITTEN:
            rows = model._base_manager.values()
            found[model.__name__] = sorted(filter(None, map(write_plain, rows)))
        assert not list(verify())
        transaction.set_rollback(True)
    return found


def write_plain(row):
    """Write a row without what is drawn, numbered or signed: verification looks at that."""
    if row.get("subject") == 0:  # about no customer
        return ""
    detail = json.loads(row.pop("detail", "{}"))
    proofs = sorted(name.rpartition(" ")[0] for name in detail.pop("proofs", ()))
    drawn = {"sealed", "mac", "last_mac", "id", "row_id"}
    kept = {name: value for name, value in row.items() if name not in drawn}
    return str([sorted(kept.items()), sorted(detail.items()), proofs])


def test_the_rows_are_those_that_the_services_write(ent, maker, checker, monkeypatch):
    content = write_file(
        make_row(1, Card_Number="6088000000000001", Card_Status="A", **PAN),
        make_row(2, KYC_Flag="N", Cif_Id="CIF2", Email_Id="a@example.in", KYC_Updated_On=""),
    )
    proposal = approve(keep_and_read(content, ent, maker), maker, checker)
    drawn = iter([10**14 + 1, 10**14 + 2, 10**14 + 1, 10**14 + 2])
    monkeypatch.setattr(importing, "draw_unique_id", lambda: next(drawn))
    run = importing.Run(proposal, proposal.file, imports.describe_source(proposal))

    def add_one_by_one():
        for row in reading.Table([content], system_id="ENT", at=clock.now()):
            customers.add_customer(
                call=run.make_call(row),
                details=row.details,
                source=run.source,
                draw_unique_id=lambda: next(drawn),
            )

    with clock.freeze(clock.now()):
        in_bulk = write_undone(lambda: add(proposal))
        assert in_bulk == write_undone(add_one_by_one)
    assert len(in_bulk["Receipt"]) == 2


def count_customers():
    return Customer.objects.count(), ReplayKey.objects.count(), Receipt.objects.count()


def test_an_import_that_is_cut_off_anywhere_goes_on_and_adds_nobody_twice(
    ent, maker, checker, monkeypatch
):
    for module in (importing, import_reading):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    other = make_processor("CBS")
    mobile = draw_mobile()
    make_customer(other, mobile_number=mobile)
    rows = [make_row(n) for n in range(7)]
    rows[2] |= {"Mobile_Number": mobile}  # known elsewhere: added one by one
    proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    before, cuts = count_customers(), iter(range(1, 20))
    keep_progress, calls = imports.keep_progress, iter(range(100))

    def cut_off(*args, **kwargs):
        if next(calls) % 2 == 0:
            raise InterruptedError  # in the midst of the transaction
        keep_progress(*args, **kwargs)

    monkeypatch.setattr(imports, "keep_progress", cut_off)
    while not (file := ImportFile.objects.get()).ended_at:
        next(cuts)
        with suppress(Conflict):  # as of a folder that can't be read
            add(proposal)
    assert (file.done_count, file.added_count, next(cuts)) == (7, 7, 6)
    after = count_customers()
    assert [now - then for now, then in zip(after, before, strict=True)] == [6, 7, 7]
    assert not list(verify())
    assert add(proposal)["added"] == 7  # once more: nothing
    assert count_customers() == after


def test_of_two_runners_each_row_is_added_by_one(ent, maker, checker, monkeypatch):
    monkeypatch.setattr(importing, "ROWS_AT_ONCE", 2)
    rows = [make_row(n) for n in range(4)]
    proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    build, others = importing._build, iter([True])

    def build_beside(*args):
        batch = build(*args)
        if next(others, False):  # the other one does all of it meanwhile
            add(proposal)
        return batch

    monkeypatch.setattr(importing, "_build", build_beside)
    assert add(proposal) == {"import": proposal.pk, "rows": 4, "added": 4}
    assert count_customers() == (4, 4, 4)
    assert not list(verify())


def test_who_is_added_by_the_api_meanwhile_is_not_added_twice(ent, maker, checker, monkeypatch):
    rows = [make_row(n) for n in range(3)]
    proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    other, build, once = make_processor("CBS"), importing._build, iter([True])

    def build_late(*args):
        batch = build(*args)
        if next(once, False):
            make_customer(other, mobile_number=f"91{rows[1]['Mobile_Number'][-10:]}")
        return batch

    monkeypatch.setattr(importing, "_build", build_late)
    assert add(proposal)["added"] == 3  # of one of them through this processor, too
    assert Customer.objects.count() == 3
    assert Registration.objects.filter(processor=ent).count() == 3
    assert not list(verify())


def test_a_ref_id_that_was_said_before_is_left_out(ent, maker, checker):
    rows = [make_row(n) for n in range(2)]
    proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    call = Call(ent, Operation.ADD_CUSTOMER, f"IMP{proposal.pk}-1", {})
    details = ToldFactory()
    customers.add_customer(call=call, details=details)
    assert add(proposal)["added"] == 1
    done = AuditEntry.objects.get(action="customer import done")
    assert json.loads(done.detail)["outcomes"] == {"added": 1, "refused": 1}


def test_doubtful_ones_are_put_to_review_and_known_ones_left(ent, maker, checker):
    doubtful, known = draw_mobile(), draw_mobile()
    make_customer(make_processor("CBS"), mobile_number=doubtful, date_of_birth=date(1960, 1, 1))
    make_customer(ent, mobile_number=known)
    rows = [
        make_row(1, Mobile_Number=doubtful),
        make_row(2, Mobile_Number=known),
        make_row(3),
    ]
    proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    assert add(proposal)["added"] == 1
    assert DuplicateReview.objects.count() == 1
    assert Registration.objects.filter(processor=ent).count() == 2


def test_the_audit_says_by_which_import_and_by_whom(ent, maker, checker):
    proposal = approve(keep_and_read(write_file(make_row(1, **PAN)), ent, maker), maker, checker)
    add(proposal)
    entry = AuditEntry.objects.get(action="customer added")
    said = json.loads(entry.detail)
    assert (said["import"], said["ref_id"]) == (proposal.pk, f"IMP{proposal.pk}-1")
    assert (said["proposed_by"], said["approved_by"]) == (maker.username, checker.username)
    assert Customer.objects.get().tier == "F"  # the approval of the file covers it


def test_another_file_than_the_approved_one_is_not_added(ent, maker, checker):
    proposal = approve(keep_and_read(write_file(make_row(1)), ent, maker), maker, checker)
    ImportFile.objects.update(digest="0" * 64)
    with pytest.raises(Conflict) as refused:
        add(proposal)
    assert "not as it was brought" in refused.value.describe()
    assert not Customer.objects.exists()


def test_what_was_used_until_the_file_was_brought_is_in_the_ledger_once(ent, maker, checker):
    used = {"Used_Debit_Month": "12.50", "Used_Debit_Year": "20.00"}
    mobile = draw_mobile()
    make_customer(make_processor("CBS"), mobile_number=mobile)
    rows = [make_row(1, **used), make_row(2, Mobile_Number=mobile, **used), make_row(3)]
    with clock.freeze(datetime(2026, 11, 30, 18, 29, tzinfo=UTC)):  # of November in India
        proposal = approve(keep_and_read(write_file(*rows), ent, maker), maker, checker)
    with clock.freeze(datetime(2026, 12, 1, 9, tzinfo=UTC)):
        add(proposal)
        ImportFile.objects.update(ended_at=None, done_count=0, added_count=0)
        with suppress(Conflict):
            add(proposal)
    openings = LedgerEntry.objects.filter(kind="O", ref_id=proposal.name).order_by("pk")
    booked = Counter((each.month, each.direction, each.amount_paise) for each in openings)
    assert booked == {(202611, "D", 1250): 2, (202610, "D", 750): 2}
    assert list(verify()) == []


def test_while_a_digest_key_is_on_its_way_a_new_customer_is_found_by_both(
    ent, maker, checker, settings
):
    coming = replace(keys.Key.from_base64("B" * 43 + "="), is_next=True)
    settings.PPIMS_DIGEST_KEYS = (*settings.PPIMS_DIGEST_KEYS, coming)
    add(approve(keep_and_read(write_file(make_row(1, **PAN)), ent, maker), maker, checker))
    assert Identifier.objects.filter(key_id=coming.id).count() == 2


# Jobs, and the command.


def test_an_approval_asks_for_the_work_and_the_work_is_done(ent, maker, checker, tmp_path):
    file = keep(write_file(make_row(1)), ent, maker)
    imports.ask_for_reading(file, maker)
    run_next("one")
    proposal = approve(ImportFile.objects.get(), maker, checker)
    assert run_next("one").kind == Job.Kind.IMPORT
    assert Job.objects.filter(state="DONE").count() == 2
    assert Customer.objects.count() == 1
    file.refresh_from_db()
    assert (file.ended_at is None, proposal.state) == (False, "APPROVED")
    assert [path.suffix for path in (tmp_path / "imports").iterdir()] == [".refused"]


def test_the_command_reads_prints_and_proposes_and_never_approves(ent, maker, tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_bytes(write_file(make_row(1), make_row(2, Mobile_Number="12")))
    arguments = {"processor": "ENT", "user": maker.username}
    call_command("import_customers", str(path), propose="They move to us", **arguments)
    printed = capsys.readouterr().out
    assert re.search(r"1 +new", printed)
    assert re.search(r"1 +refused", printed)
    proposal = CustomerImport.objects.get()
    assert (proposal.state, proposal.maker, bool(proposal.operator)) == ("PROPOSED", maker, True)
    assert not Customer.objects.exists()


def test_the_command_refuses_whoever_may_not_and_what_is_no_file(ent, checker, maker, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"Surname\nRoy\n")
    for user, system_id in ((checker, "ENT"), (maker, "NONE")):
        with pytest.raises(CommandError):
            call_command("import_customers", str(path), processor=system_id, user=user.username)
    assert not ImportFile.objects.exists()
    with pytest.raises(CommandError, match="name the columns"):
        call_command("import_customers", str(path), processor="ENT", user=maker.username)

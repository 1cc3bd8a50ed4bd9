"""What is kept of refused calls: who was refused what and when, by the names of fields alone."""

import json

import pytest
from django.db import IntegrityError, OperationalError

from ppims.api import root
from ppims.core.errors import Unavailable
from ppims.models import KeptCall, Processor
from ppims.services import call_buffer
from tests.api.answers import (
    LONG_AGO,
    NOBODY,
    OPERATIONS,
    add_person,
    assert_conflict,
    assert_malformed,
    assert_refused,
    assert_unknown,
    book_posting,
    check_for_ref,
    freeze_at,
    list_named,
    make_valid,
    read_done,
    report_posting,
)
from tests.conftest import forget_log_ins

CHECK, KYC, STATUS = "check-customer-limit", "check-customer-kyc", "customer-registration-status"
UPDATE = "update-customer-limit"
SECRET = "9812345670 ABCPE1234F"  # nothing that any field takes


@pytest.fixture(autouse=True)
def _in_production(settings):
    """Where it isn't production, all calls are kept: tests/api/test_kept_calls.py."""
    settings.PPIMS_KEEPS_BODIES = False


@pytest.fixture
def holder(ent):
    return add_person(ent)


@pytest.fixture
def kept(db):
    """Write what waits; and give operation, Ref_Id, code and fields of each."""

    def read():
        while root.buffer.write():
            pass
        rows = KeptCall.objects.order_by("pk")
        return list(rows.values_list("operation", "ref_id", "code", "fields"))

    return read


# What is kept.


def test_a_malformed_call_is_kept_with_the_fields_that_were_named(ent, kept):
    with freeze_at(LONG_AGO):
        assert_malformed(ent.call(CHECK, Ref_Id="R-1", Amount="x", Unique_Id="x", Tran_Type="D"))
    assert kept() == [(CHECK, "R-1", "400", "Unique_Id,Amount")]
    row = KeptCall.objects.get()
    assert (row.processor, row.at.isoformat()) == (ent.processor, "2025-12-31T18:30:00+00:00")


def test_a_conflict_is(ent, holder, kept):
    book_posting(ent, holder, "1.00", Ref_Id="R-1", Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, "2.00", Ref_Id="R-1", Tran_Id="T-1"), "Amount")
    assert_conflict(report_posting(ent, holder, "2.00", Ref_Id="R-2", Tran_Id="T-1"), "Tran_Id")
    assert kept() == [(UPDATE, "R-1", "409", "Amount"), (UPDATE, "R-2", "409", "Tran_Id")]


def test_an_unknown_customer_is(ent, kept):
    assert_unknown(ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-1"))
    assert_unknown(report_posting(ent, NOBODY, Ref_Id="R-2"))
    assert kept() == [(KYC, "R-1", "500", ""), (UPDATE, "R-2", "500", "")]


def test_what_is_not_the_callers_to_ask_is(ent, cbs, holder, kept):
    assert_refused(ent.call(KYC, Unique_Id=holder, Ref_Id="R-1", System_Id="CBS"), 403, "403")
    Processor.objects.filter(pk=cbs.processor.pk).update(state=Processor.State.WINDING_DOWN)
    assert_refused(cbs.call(CHECK, **make_valid(CHECK), Ref_Id="R-2"), 403, "403")
    assert kept() == [(KYC, "R-1", "403", "System_Id"), (CHECK, "R-2", "403", "")]


def test_a_fault_of_ours_is(ent, holder, kept, monkeypatch):
    monkeypatch.setattr("limits.api.checks.make_request", lambda *_: 1 // 0)
    answer = ent.call(CHECK, Unique_Id=holder, Amount="1.00", Tran_Type="D", Ref_Id="R-1")
    assert_refused(answer, 500, "999")
    assert kept() == [(CHECK, "R-1", "999", "")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_is_sent_names_are_kept_and_never_values(ent, kept, operation):
    """Every field of every operation, each with what it doesn't take."""
    fields = [name for name in list_schema_fields(operation) if name not in {"System_Id", "Ref_Id"}]
    sent = dict.fromkeys(fields, SECRET)
    body = {**sent, "System_Id": ent.processor.system_id, "Ref_Id": SECRET, SECRET: SECRET}
    reply = ent.send(operation, json.dumps(ent.make_body(operation, **body)))
    assert_malformed(reply)
    (row,) = kept()
    assert (row[0], row[1], sorted(row[3].split(","))) == (operation, "", list_named(reply))
    (stored,) = KeptCall.objects.values()
    assert not any(part in str(stored) for part in SECRET.split())


def list_schema_fields(operation):
    """List the fields of an operation's message, as the wire spells them."""
    described = root.api.get_openapi_schema(path_prefix="")["components"]["schemas"]
    word, _ = root.OPERATIONS[operation]
    name = {"Check_KYC": "CheckKycIn"}.get(word, f"{word.replace('_', '')}In")
    return described[name]["properties"]


@pytest.mark.parametrize("ref", ["a" * 33, "a b", "", 5, None, ["R-1"], {"a": 1}, "क"])
def test_a_ref_id_that_is_not_well_formed_is_not_kept(ent, kept, ref):
    message = {**make_valid(KYC), "System_Id": "ENT", "Ref_Id": ref}
    body = ent.make_body(KYC)
    body["Data"]["Check_KYC"] = message
    assert_malformed(ent.send(KYC, json.dumps(body)), "Ref_Id")
    assert kept() == [(KYC, "", "400", "Ref_Id")]


# What is not.


def test_what_was_answered_is_not(ent, holder, kept):
    check_for_ref(ent, holder, "10000.01")
    book_posting(ent, holder)
    read_done(ent.call(KYC, Unique_Id=holder))
    ent.call(STATUS, Mobile_Number="9000000001")
    assert kept() == []


def test_who_did_not_log_in_leaves_nothing(ent, kept, settings):
    assert_refused(ent.call(KYC, **make_valid(KYC), _password="wrong"), 401, "401")
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 1
    assert_refused(ent.call(KYC, **make_valid(KYC), _password="wrong"), 429, "429")
    forget_log_ins()
    ent.send(KYC, "{")
    ent.send("no-such-operation", "{}")
    assert ent.client.get("/api/PPIM/v1/check-customer-kyc").status_code == 405
    assert kept() == []


def test_what_may_be_recorded_is_not_refused(ent, holder, kept, monkeypatch):
    def raise_busy(*_):
        raise Unavailable

    monkeypatch.setattr("limits.api.updates.make_request", raise_busy)
    assert_refused(report_posting(ent, holder), 503, "503")
    assert kept() == []


# How it waits.


def note(processor, number=1, code="409"):
    root.buffer.note(processor_id=processor.pk, operation=KYC, ref_id=f"R-{number}", code=code)


def test_no_more_waits_than_there_is_room_for(ent, kept, monkeypatch, caplog):
    monkeypatch.setattr(call_buffer, "WAITING_AT_MOST", 3)
    for number in range(5):
        note(ent.processor, number)
    root.buffer._write_all()
    assert [ref for _, ref, *_ in kept()] == ["R-0", "R-1", "R-2"]
    assert "2 calls were not kept: too many came" in caplog.messages
    note(ent.processor, 6)
    assert len(kept()) == 4


def test_what_can_not_be_written_waits_on(ent, kept, monkeypatch):
    def raise_busy(_):
        raise Unavailable

    monkeypatch.setattr(call_buffer, "ROWS_AT_ONCE", 2)
    for number in range(3):
        note(ent.processor, number)
    with monkeypatch.context() as patch:
        patch.setattr(call_buffer, "write", raise_busy)
        for _ in range(2):
            with pytest.raises(Unavailable):
                root.buffer.write()
    assert [ref for _, ref, *_ in kept()] == ["R-0", "R-1", "R-2"]


@pytest.mark.parametrize(
    ("error", "left", "said"),
    [
        (Unavailable(), 1, "calls wait to be kept: Unavailable"),
        (OSError("no such file"), 1, "calls wait to be kept: OSError"),
        (OperationalError("locked"), 1, "calls wait to be kept: OperationalError"),
        (IntegrityError("R-1"), 0, "1 calls were dropped: IntegrityError"),
        (ValueError("R-1"), 0, "1 calls were dropped: ValueError"),
    ],
)
def test_an_outage_is_waited_out_and_what_never_goes_in_is_dropped(
    ent, kept, monkeypatch, caplog, error, left, said
):
    def fail(_):
        raise error

    note(ent.processor)
    with monkeypatch.context() as patch:
        patch.setattr(call_buffer, "write", fail)
        with pytest.raises(type(error)):
            root.buffer.write()
    root.buffer._report(error)
    assert caplog.messages == [said]
    assert len(kept()) == left


def test_noting_reads_and_writes_nothing(ent, django_assert_num_queries):
    with django_assert_num_queries(0):
        note(ent.processor)


# How long it is kept.


def test_of_each_processor_the_last_ones_are_kept(ent, cbs, kept, monkeypatch):
    monkeypatch.setattr(call_buffer, "KEPT_OF_A_PROCESSOR", 3)
    for number in range(1, 4):
        note(ent.processor, number)
        note(cbs.processor, number)
    assert len(kept()) == 6
    for number in (4, 5):
        note(ent.processor, number)
    kept()
    refs = KeptCall.objects.order_by("pk").values_list("processor__system_id", "ref_id")
    assert sorted(refs) == [
        *(("CBS", f"R-{number}") for number in (1, 2, 3)),
        *(("ENT", f"R-{number}") for number in (3, 4, 5)),
    ]


@pytest.mark.parametrize(("seconds", "times"), [(3_600, 1), (0, 3)])
def test_what_is_past_its_time_is_looked_for_at_once_and_then_every_so_often(
    monkeypatch, seconds, times
):
    looked = []
    monkeypatch.setattr(call_buffer, "PURGES_EVERY_SECONDS", seconds)
    monkeypatch.setattr(call_buffer, "purge", looked.append)
    for _ in range(3):
        root.buffer._purge_if_due()
    assert len(looked) == times


@pytest.mark.parametrize(
    ("instant", "left"), [("31-03-2026 12:00:00", 2), ("31-03-2026 12:00:01", 1)]
)
def test_they_are_kept_for_so_many_days(ent, cbs, kept, settings, instant, left):
    settings.PPIMS_CALLS_DAYS = 30
    with freeze_at("01-03-2026 12:00:00"):
        note(ent.processor, 1)
    with freeze_at("02-03-2026 12:00:00"):
        note(cbs.processor, 2)
    assert len(kept()) == 2
    with freeze_at(instant):
        assert call_buffer.purge(call_buffer.clock.now()) == 2 - left
    assert len(kept()) == left

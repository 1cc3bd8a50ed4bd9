"""Where it isn't production each call is kept with its bodies, and no password with any of them."""

import json

import pytest
from cryptography.exceptions import InvalidTag
from django.contrib.auth.hashers import make_password
from django.db import connection

from ppims.api import root
from ppims.demo.load import PASSWORDS
from ppims.models import KeptCall
from ppims.services import call_buffer
from ppims.wire.kept_bodies import LEFT_OUT, strip_credentials
from tests.api.answers import (
    NOBODY,
    add_person,
    assert_refused,
    check_for_ref,
    freeze_at,
    make_valid,
    report_posting,
)
from tests.factories import PASSWORD

CHECK, KYC, ADD = "check-customer-limit", "check-customer-kyc", "add-customer"
UPDATE = "update-customer-limit"


@pytest.fixture
def kept(db):
    """Write what waits, and give the rows."""

    def read():
        while root.buffer.write():
            pass
        return list(KeptCall.objects.order_by("pk"))

    return read


def read_bodies(call):
    found = json.loads(call.open_bodies())
    return found["sent"], found["answered"]


def test_an_answered_call_is_kept_with_what_was_sent_and_answered(ent, kept):
    holder = add_person(ent)
    ref = check_for_ref(ent, holder, "100.00")
    report = report_posting(ent, holder, "100.00", Enquiry_Ref_Id=ref, Tran_Id="T-1", Ref_Id="R-9")
    added, checked, reported = kept()
    assert [call.operation for call in (added, checked, reported)] == [ADD, CHECK, UPDATE]
    assert {call.unique_id for call in (added, checked, reported)} == {int(holder)}
    assert (reported.ref_id, reported.tran_id, reported.enquiry_ref_id) == ("R-9", "T-1", ref)
    assert (reported.code, reported.is_refused, reported.http_status) == ("000", False, 200)
    assert (reported.processor, reported.request_id) == (ent.processor, report[2]["X-Request-Id"])
    sent, answered = read_bodies(reported)
    assert sent["data"]["Update_Limit"]["Tran_Id"] == "T-1"
    assert sent["data"]["Username"] == ent.processor.username
    assert answered == report[1]


def test_a_refused_call_is_kept_once_with_the_fields_that_were_named(ent, kept):
    ent.call(CHECK, Ref_Id="R-1", Amount="x", Unique_Id=NOBODY, Tran_Type="D")
    (call,) = kept()
    assert (call.code, call.is_refused, call.fields, call.http_status) == (
        "400",
        True,
        "Amount",
        400,
    )
    assert read_bodies(call)[0]["data"]["Check_Limit"]["Amount"] == "x"


@pytest.mark.parametrize("sent_as", ["Username", "Password"])
def test_who_did_not_log_in_is_kept_without_name_or_password(ent, kept, sent_as):
    """One may stand in the place of the other."""
    wrong = {"_username": "S3cret-word"} if sent_as == "Username" else {"_password": "S3cret-word"}
    assert_refused(ent.call(KYC, **make_valid(KYC), **wrong, Ref_Id="R-1"), 401, "401")
    (call,) = kept()
    assert (call.processor, call.ref_id, call.code) == (None, "R-1", "401")
    said = call.open_bodies()
    for secret in ("S3cret-word", PASSWORD, ent.processor.username, '"Username"', '"Password"'):
        assert secret not in said


@pytest.mark.parametrize("value", ["S3cret-word", 123456789, ["S3cret-word"], {"a": "S3cret-word"}])
@pytest.mark.parametrize("name", ["Password", "PASSWORD", "pass_word", "My Password"])
def test_a_password_is_left_out_whatever_its_type_and_wherever_it_stands(name, value):
    secret = "123456789" if isinstance(value, int) else "S3cret-word"
    data = {
        "Check_KYC": {
            "Ref_Id": secret,
            "Name": f"is {secret}!",
            secret: 1,
            "deep": [{name: value}],
        },
        "Username": "PPIM_ENT",
        name: value,
    }
    stripped = strip_credentials(data, keeps_username=True)
    assert secret not in json.dumps(stripped)
    assert stripped["Check_KYC"] == {"Ref_Id": LEFT_OUT, "Name": LEFT_OUT, "deep": [{}]}
    assert stripped["Username"] == "PPIM_ENT"


def test_a_short_password_is_left_out_and_what_only_contains_it_stays():
    data = {"Check_KYC": {"Ref_Id": "R-1", "Amount": "1"}, "Password": "1"}
    stripped = strip_credentials(data, keeps_username=True)
    assert stripped == {"Check_KYC": {"Ref_Id": "R-1", "Amount": LEFT_OUT}}


def test_a_ref_id_that_begins_as_the_demos_password_does_is_found(ent, kept):
    """ENT123, as ENT's Ref_Ids may begin."""
    ent.processor.password = make_password(PASSWORDS["ENT"])
    ent.processor.save()
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="ENT12345", _password=PASSWORDS["ENT"])
    (call,) = kept()
    assert (call.processor, call.ref_id) == (ent.processor, "ENT12345")


def test_no_password_waits_or_is_logged_or_stands_in_the_table(ent, kept, caplog):
    ent.call(KYC, Unique_Id=NOBODY)
    ent.call(KYC, Unique_Id=NOBODY, Password=PASSWORD, Ref_Id=PASSWORD)
    ent.call(KYC, Unique_Id=NOBODY, _password=[PASSWORD])
    waiting = str(root.buffer._waiting)
    assert waiting.count('"data":{"Check_KYC"') == 3
    calls = kept()
    opened = "".join(call.open_bodies() for call in calls)
    stored = str(list(KeptCall.objects.values()))
    for said in (waiting, opened, stored, caplog.text):
        assert PASSWORD not in said


def test_the_bodies_are_encrypted_and_bound_to_their_row(ent, kept):
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-1")
    (call,) = kept()
    assert b"Check_KYC" not in bytes(call.sealed)
    assert "Check_KYC" in KeptCall.objects.get().open_bodies()
    call.request_id = "another"
    with pytest.raises(InvalidTag):
        call.open_bodies()


@pytest.mark.parametrize(
    ("body", "why", "size"),
    [
        ("{", "unreadable", 1),
        ('{"Data": {}}', "unreadable", 12),
        ("x" * 65_537, "too large", 65_537),
    ],
)
def test_a_body_that_is_not_read_is_not_kept_but_its_size_and_why(ent, kept, body, why, size):
    ent.send(KYC, body)
    (call,) = kept()
    assert (call.processor, call.code) == (None, "400")
    assert read_bodies(call)[0] == {"why": why, "bytes": size}


@pytest.mark.parametrize("depth", [50, 500])
def test_a_body_of_any_depth_is_answered_as_ever_and_not_kept(ent, kept, depth):
    """Laid out, each line of it would begin with so many blanks."""
    body = json.dumps(ent.make_body(KYC, Unique_Id=NOBODY, Name="deep"))
    body = body.replace('"deep"', "[" * depth + "]" * depth)
    status, _, _ = ent.send(KYC, body)
    assert status == 200
    (call,) = kept()
    assert (call.code, read_bodies(call)[0]["why"]) == ("500", "not read")


def test_many_passwords_are_not_looked_for_one_by_one(ent, kept):
    passwords = [f"{number:05d}" for number in range(3_000)]
    ent.call(KYC, Unique_Id=NOBODY, Name=passwords, Password=passwords)
    (call,) = kept()
    assert read_bodies(call)[0]["why"] == "not read"


def test_what_reached_no_operation_is_not_kept(ent, kept, settings):
    ent.send("no-such-operation", "{}")
    assert ent.client.get("/api/PPIM/v1/check-customer-kyc").status_code == 405
    settings.PPIMS_THIS_MACHINE_ALONE = True
    assert ent.send(KYC, "{}", REMOTE_ADDR="203.0.113.9")[0] == 403
    assert kept() == []


def test_of_nobody_the_last_ones_are_kept_too(ent, kept, monkeypatch):
    monkeypatch.setattr(call_buffer, "KEPT_OF_A_PROCESSOR", 2)
    for number in range(3):
        ent.call(KYC, **make_valid(KYC), Ref_Id=f"R-{number}", _password="wrong")
        ent.call(KYC, **make_valid(KYC), Ref_Id=f"S-{number}")
    kept()
    assert [call.ref_id for call in kept()] == ["R-1", "S-1", "R-2", "S-2"]


def test_their_age_deletes_none_for_a_demos_clock_may_jump(ent, kept):
    with freeze_at("01-03-2026 12:00:00"):
        ent.call(KYC, Unique_Id=NOBODY)
        kept()
    with freeze_at("01-03-2036 12:00:00"):
        assert call_buffer.purge(call_buffer.clock.now()) == 0
    assert len(kept()) == 1


def test_no_more_bytes_wait_than_there_is_room_for(ent, kept, monkeypatch):
    ent.call(KYC, Unique_Id=NOBODY)
    size = root.buffer._bytes
    assert size > 100
    monkeypatch.setattr(call_buffer, "WAITING_BYTES", size + 10)
    ent.call(KYC, Unique_Id=NOBODY)
    assert (root.buffer._lost, len(kept()), root.buffer._bytes) == (1, 1, 0)


def test_they_are_found_by_an_index(db):
    for column in ("ref_id", "tran_id", "request_id"):
        found = KeptCall.objects.filter(**{column: "x"}).order_by("-pk")[:51]
        if connection.vendor == "sqlite":
            assert f"kept_call_by_{column}" in found.explain()


def test_what_a_demo_made_of_the_answer_is_kept(ent, kept, monkeypatch):
    monkeypatch.setattr(root.WireRequest, "fault", "lost after 2 s", raising=False)
    ent.call(KYC, Unique_Id=NOBODY)
    assert kept()[0].fault == "lost after 2 s"

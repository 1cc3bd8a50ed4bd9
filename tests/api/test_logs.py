"""A JSON line a request, without personal data, also when something goes wrong."""

import asyncio
import io
import json
import logging
from types import SimpleNamespace

import pytest

from customers import records
from customers.services import customers
from limits.services import checks
from ppims.models import FailedAccess
from ppims.server.logs import Formatter, Handler
from ppims.services import accounts
from tests.api.answers import (
    NOBODY,
    OPERATIONS,
    add_person,
    book_posting,
    check_for_ref,
    make_blank,
    make_valid,
    read_done,
)
from tests.conftest import PREFIX
from tests.factories import PASSWORD, make_person

MOBILE, DOCUMENT, CARD, NAME = "9812345678", "234123412346", "4111111111111111", "Meera Unusual"
PERSONAL = [MOBILE, DOCUMENT, CARD, NAME, PASSWORD, "14-02-1991", "1991-02-14", "m@example.in"]
ALL_PERSONAL_FIELDS = {
    "Mobile_Number": MOBILE,
    "Ovid_Type": "ADR",
    "Ovid_Value": DOCUMENT,
    "Card_Number": CARD,
    "Customer_Name": NAME,
    "Email_Id": "m@example.in",
}


@pytest.fixture
def log():
    """All that is written, by every logger, as settings format it."""
    loggers = [logging.getLogger(), logging.getLogger("django")]
    (formatter,) = {
        handler.formatter
        for handler in loggers[0].handlers
        if isinstance(handler.formatter, Formatter)
    }
    handler = Handler(io.StringIO())
    handler.setFormatter(formatter)
    for logger in loggers:
        logger.addHandler(handler)
    yield handler.stream
    for logger in loggers:
        logger.removeHandler(handler)


def read_lines(log):
    return [json.loads(line) for line in log.getvalue().splitlines()]


def read_answered(log):
    return [line for line in read_lines(log) if line["message"] == "answered"]


def assert_impersonal(log):
    assert log.getvalue()
    assert [text for text in PERSONAL if text in log.getvalue()] == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_request_has_one_line_of_what_is_needed(ent, log, operation):
    body = json.dumps(ent.make_body(operation, **make_valid(operation)))
    _, reply, response = ent.send(operation, body, HTTP_X_FAPI_UUID="abc-123")
    (line,) = read_answered(log)
    assert line["request_id"] == response["X-Request-Id"] == "abc-123"
    assert (line["operation"], line["processor"]) == (operation, "ENT")
    assert line["resp_code"] == reply["Data"]["Resp_Code"]
    assert line["ms"] >= 0
    assert line["level"] == "INFO"
    assert line["time"]


def test_a_refusal_has_its_line_too(ent, log):
    ent.call("add-customer", **make_person(), _password="wrong")
    ent.call("add-customer", **make_person(), System_Id="OTHER")
    ent.send("add-customer", "{")
    ent.client.post(f"{PREFIX}/no-such", "{}", content_type="application/json")
    found = [
        (line["operation"], line["processor"], line["resp_code"]) for line in read_answered(log)
    ]
    assert found == [
        ("add-customer", "", "401"),
        ("add-customer", "ENT", "403"),
        ("add-customer", "", "400"),
        ("unknown", "", "404"),
    ]


COMMON_FIELDS = {"time", "level", "logger", "message", "request_id", "operation", "processor"}
COMMON_FIELDS |= {"resp_code", "ms"}
SOURCE = "10.0.0.7"


def read_own_fields(log):
    """Read what the last line says beyond what each line of an answer does."""
    line = read_answered(log)[-1]
    assert line.keys() >= COMMON_FIELDS
    return {name: value for name, value in line.items() if name not in COMMON_FIELDS}


def send_from(ent, address, **fields):
    body = json.dumps(ent.make_body("check-customer-kyc", Unique_Id="1", **fields))
    return ent.send("check-customer-kyc", body, REMOTE_ADDR=address)


def test_the_line_of_who_is_not_let_in_has_from_where_and_whose_the_username_is(ent, log):
    assert send_from(ent, SOURCE, _password="wrong")[0] == 401
    assert read_own_fields(log) == {"source": SOURCE, "system_id": "ENT"}
    assert send_from(ent, "2001:db8:1:2:3:4:5:6", _username=MOBILE)[0] == 401
    digest = accounts.digest_username(MOBILE)
    assert read_own_fields(log) == {"source": "2001:db8:1:2::", "username_digest": digest}
    assert send_from(ent, SOURCE, System_Id="OTHER")[0] == 403
    assert read_own_fields(log) == {"source": SOURCE, "system_id": "ENT"}
    assert_impersonal(log)
    assert not FailedAccess.objects.exists()


def test_the_line_of_who_failed_too_often_has_it_too(ent, log, settings):
    settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 1
    send_from(ent, SOURCE, _password="wrong")
    assert send_from(ent, SOURCE, _password="wrong")[0] == 429
    assert read_own_fields(log) == {"source": SOURCE, "system_id": "ENT"}
    assert send_from(ent, SOURCE, _username="nobody")[0] == 429
    digest = accounts.digest_username("nobody")
    assert read_own_fields(log) == {"source": SOURCE, "username_digest": digest}


@pytest.mark.parametrize("credentials", [{"Username": 7, "Password": "x"}, {"Username": "ENT"}])
def test_of_credentials_that_are_none_the_line_has_the_source_alone(ent, log, credentials):
    body = {"Data": {"Check_KYC": {}, **credentials}, "Risk": {}}
    assert ent.send("check-customer-kyc", json.dumps(body), REMOTE_ADDR=SOURCE)[0] == 401
    assert read_own_fields(log) == {"source": SOURCE}


def test_a_body_that_is_not_read_tells_the_source_alone(ent, log, settings):
    settings.PPIMS_THIS_MACHINE_ALONE = True
    assert ent.send("check-customer-kyc", "{", REMOTE_ADDR=SOURCE)[0] == 403
    assert read_own_fields(log) == {"source": SOURCE}


def test_all_other_lines_are_as_they_were(ent, log):
    assert ent.send("check-customer-kyc", "{", REMOTE_ADDR=SOURCE)[0] == 400
    assert read_own_fields(log) == {}
    send_from(ent, SOURCE)
    assert read_own_fields(log) == {}


def test_no_line_has_personal_data(ent, cbs, log):
    details = make_person(**ALL_PERSONAL_FIELDS)
    unique_id = add_person(ent, **details)
    stranger = {**details, "Date_Of_Birth": "15-02-1991", "Ovid_Value": "999999999999"}
    assert cbs.call("add-customer", **stranger)[0] == 409
    assert ent.call("add-customer", **{**details, "Account_Status": MOBILE})[0] == 400
    assert ent.call("add-customer", **details, _username=MOBILE)[0] == 401
    ref = check_for_ref(ent, unique_id, Card_Number=CARD)
    book_posting(ent, unique_id, Enquiry_Ref_Id=ref)
    read_done(ent.call("customer-registration-status", Mobile_Number=MOBILE))
    read_done(ent.call("update-customer", Unique_Id=unique_id, Customer_Name=NAME))
    assert_impersonal(log)


@pytest.mark.parametrize("path", [MOBILE, f"customer-registration-status/{MOBILE}"])
def test_personal_data_in_a_path_or_query_does_not_reach_the_log(ent, log, path):
    url = f"{PREFIX}/{path}?Ovid_Value={DOCUMENT}"
    response = ent.client.post(url, "{}", content_type="application/json")
    assert response.status_code == 404
    assert_impersonal(log)


class Unforeseen(Exception):
    """Of no kind that the API knows."""


def make_fault(*_, **__):
    raise Unforeseen(f"could not keep {MOBILE} {DOCUMENT} {NAME}")


def make_fault_of_a_fault(*_, **__):
    try:
        make_fault()
    except Unforeseen as error:
        raise Unforeseen(CARD) from error


@pytest.mark.parametrize("broken", [make_fault, make_fault_of_a_fault])
@pytest.mark.parametrize(
    ("operation", "module", "service"),
    [
        ("add-customer", customers, "add_customer"),
        ("check-customer-kyc", records, "find_registration"),
        ("check-customer-limit", checks, "make_request"),
    ],
)
def test_a_fault_is_999_without_internals_in_reply_or_log(
    ent, log, monkeypatch, operation, module, service, broken
):
    monkeypatch.setattr(module, service, broken)
    message = {
        **make_valid(operation, NOBODY),
        **(ALL_PERSONAL_FIELDS if operation == "add-customer" else {}),
    }
    status, body, response = ent.call(operation, **message)
    assert status == 500
    assert body == {"Data": make_blank(operation, "999"), "Risk": {}, "Links": {}, "Meta": {}}
    assert "Unforeseen" not in response.content.decode()
    (line,) = read_answered(log)
    assert (line["resp_code"], line["processor"]) == ("999", "ENT")
    (report,) = (each for each in read_lines(log) if each["message"] == "fault")
    assert report["request_id"] == line["request_id"]
    assert "Unforeseen" in report["exc_info"]
    assert_impersonal(log)


def test_half_a_character_is_written_as_json_has_it():
    record = logging.makeLogRecord({"msg": "said %s", "args": ("\ud800",), "also": "\udfff"})
    line = json.loads(Formatter().format(record))
    assert (line["message"], line["also"]) == ("said \ud800", "\udfff")


def test_a_log_that_can_not_be_written_ends_no_request(ent, log):
    log.close()
    assert ent.call("check-customer-kyc", Unique_Id="123456789012345")[0] == 200


def test_a_line_is_written_whole_and_at_once():
    kept = io.StringIO()
    Handler(kept).emit(logging.makeLogRecord({"msg": "once"}))
    assert kept.getvalue() == "once\n"


def test_the_lines_of_one_turn_of_an_event_loop_are_written_together_and_in_their_order():
    written = []
    kept = SimpleNamespace(write=written.append)
    handler = Handler(kept)

    async def say():
        for word in ("first", "second"):
            handler.emit(logging.makeLogRecord({"msg": word}))
        assert written == []
        await asyncio.sleep(0)

    asyncio.run(say())
    assert written == ["first\nsecond\n"]


def test_what_an_event_loop_did_not_come_to_write_is_written_with_the_next_line(monkeypatch):
    kept = io.StringIO()
    handler = Handler(kept)
    ended = SimpleNamespace(call_soon=lambda _: None)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "get_running_loop", lambda: ended)
        handler.emit(logging.makeLogRecord({"msg": "first"}))
    assert kept.getvalue() == ""
    handler.emit(logging.makeLogRecord({"msg": "second"}))
    assert kept.getvalue() == "first\nsecond\n"


def test_a_line_that_can_not_be_written_is_reported_as_logging_does(capsys):
    kept = io.StringIO()
    kept.close()
    Handler(kept).emit(logging.makeLogRecord({"msg": "once"}))
    assert "ValueError" in capsys.readouterr().err


def test_after_a_fault_the_same_ref_id_has_its_one_effect(ent, monkeypatch):
    details = make_person(Ref_Id="REF-1")
    with monkeypatch.context() as patched:
        patched.setattr(customers.audit, "record", make_fault)
        assert ent.call("add-customer", **details)[1]["Data"]["Resp_Code"] == "999"
    assert read_done(ent.call("add-customer", **details))[1] == {}

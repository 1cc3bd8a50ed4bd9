"""What a test suite may ask of a demo: by whose word, what it answers, and whom it touches."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from limits.models import LedgerEntry
from ppims.core import calendar, clock
from ppims.demo import next_answers
from ppims.demo.next_answers import Answer, NextAnswer
from ppims.models import AuditEntry, Processor
from tests.conftest import PREFIX
from tests.factories import PASSWORD, make_customer
from tests.web.admin_pages import open_browser

NAMES = ("state", "clock", "faults", "faults/clear", "people", "traffic", "reset")
CHECK, UPDATE = "check-customer-limit", "update-customer-limit"


@pytest.fixture(autouse=True)
def _stand_in(settings, tmp_path):
    settings.PPIMS_STAND_IN, settings.PPIMS_DATA_DIR = True, tmp_path
    settings.PPIMS_CLOCK_OFFSET_FILE = str(tmp_path / "clock-offset")
    clock._read_offset.cache_clear()
    yield
    clock._read_offset.cache_clear()


@pytest.fixture
def customer(ent, cbs):
    return make_customer(ent.processor, cbs.processor)


@pytest.fixture
def no_wait(monkeypatch):
    """Let the offset be read at once: nobody else's clock is waited for."""
    monkeypatch.setattr(clock, "wait_for_offset", clock._read_offset.cache_clear)


def ask(caller, name, **said):
    """Ask a control by a processor's own credentials: the status, and what is answered."""
    credentials = {"Username": caller.processor.username, "Password": PASSWORD}
    return send(name, json.dumps({**credentials, **said}))


def send(name, body, client=None):
    response = (client or Client()).post(f"/demo/{name}", body, "application/json")
    return response.status_code, response.json()


def list_wrong(said):
    return [error["Field"] for error in said["Errors"]]


# Who may ask.


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_there_is_no_page_either_and_elsewhere_it_asks_for_a_token(ent, settings, method):
    browser = open_browser("admin")
    browser.handler.enforce_csrf_checks = True
    assert browser.post("/demo", {"control": "stop_traffic"}).status_code == 403
    page = browser.get("/demo").content.decode()
    (token,) = set(re.findall('name="csrfmiddlewaretoken" value="(.*?)"', page))
    asked = {"control": "stop_traffic", "csrfmiddlewaretoken": token}
    assert browser.post("/demo", asked).status_code == 302
    settings.PPIMS_STAND_IN = False
    assert getattr(browser, method)("/demo").status_code == 404


@pytest.mark.parametrize("name", [*NAMES, "nothing"])
def test_there_is_no_such_address_where_it_is_no_stand_in(ent, settings, name):
    settings.PPIMS_STAND_IN = False
    credentials = {"Username": ent.processor.username, "Password": PASSWORD}
    assert Client().post(f"/demo/{name}", credentials, "application/json").status_code == 404
    assert open_browser("admin").get("/demo").status_code == 404


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("password", [None, "", "wrong", 7])
def test_without_the_right_password_nothing_is_said_nor_done(ent, name, password):
    body = {"Username": ent.processor.username, "Password": password}
    status, said = send(name, json.dumps(body))
    assert (status, list(said)) == (401, ["Errors"])


@pytest.mark.parametrize("name", NAMES)
def test_a_session_alone_may_ask_nothing(ent, name):
    browser = open_browser("admin")
    assert send(name, "{}", browser)[0] == 401
    assert not AuditEntry.objects.filter(action__startswith="demo's").exists()


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "x", '"x"', "\ufeff{}", "[" * 60_000),
        *('{"Username": "\\ud800", "Password": "x"}', '{"Username": "x", "Password": "\\udfff"}'),
        '{"Username": "x", "Password": "x", "Seconds": NaN}',
    ],
)
def test_what_is_no_object_is_refused(ent, body):
    assert send("state", body)[0] == 400


def test_what_is_too_large_is_refused(ent):
    assert send("state", " " * 65_537)[0] == 413
    assert send("state", " " * 300_000)[0] == 413


def test_another_method_or_name_is_refused(ent):
    response = Client().get("/demo/state")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert ask(ent, "nothing")[0] == 404


# The clock.


@pytest.mark.usefixtures("no_wait")
def test_the_clock_is_turned_to_just_before_the_months_end_and_stays_there(ent):
    status, said = ask(ent, "clock", To="month-end", Seconds_Before=30)
    assert status == 200
    end = calendar.find_midnight(
        calendar.find_first_day_after_month(calendar.number_ist_month(clock.now()))
    )
    assert timedelta(seconds=29) < end - clock.now() <= timedelta(seconds=30)
    ahead = said["Ahead_Seconds"]
    assert ask(ent, "clock", To="month-end", Seconds_Before="60")[1]["Ahead_Seconds"] == ahead
    assert ask(ent, "clock", To="month-end", Seconds_Before=0)[1]["Now"].endswith(" 00:00:00")
    assert AuditEntry.objects.filter(action="demo's clock turned").count() == 2


@pytest.mark.usefixtures("no_wait")
def test_the_financial_year_ends_with_march(ent):
    said = ask(ent, "clock", To="year-end", Seconds_Before=1)[1]
    assert said["Now"].startswith("31-03-")
    assert said["Now"].endswith(" 23:59:59")


@pytest.mark.usefixtures("no_wait")
def test_a_hold_ends_after_what_it_was_said_to(ent, cbs, customer):
    asked = {"Unique_Id": str(customer), "Amount": "10.00", "Tran_Type": "D"}
    ent.call(CHECK, **asked, Ref_Id="HOLD-1")
    assert ask(cbs, "clock", To="hold-end")[0] == 409  # another's
    assert list_wrong(ask(ent, "clock", To="hold-end", Ref_Id="HOLD-2")[1]) == ["Ref_Id"]
    assert ask(ent, "clock", To="hold-end", Ref_Id="HOLD-1", Seconds_Before=5)[0] == 200
    assert ent.call(CHECK, **asked, Ref_Id="HOLD-1")[1]["Data"]["Allow_Customer"] == "T"
    assert ask(ent, "clock", To="hold-end", Seconds_Before=0)[0] == 200
    said = ent.call(CHECK, **asked, Ref_Id="HOLD-1")[1]
    assert said["Meta"]["Decision"]["Reason"] == "HOLD_EXPIRED"
    assert ask(ent, "clock", To="hold-end")[0] == 409


@pytest.mark.usefixtures("no_wait")
def test_the_clock_goes_ahead_alone_and_not_for_ever(ent):
    assert ask(ent, "clock", To="05-04-2035 10:30:00")[1]["Now"] == "05-04-2035 10:30:00"
    for to in ("05-04-2035 10:29:59", "28-11-2026 10:00:00", "01-01-2999 00:00:00"):
        status, said = ask(ent, "clock", To=to)
        assert (status, list_wrong(said)) == (409, ["To"])


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"To": "x"},
        {"To": "2027-01-01"},
        {"To": None},
        {"To": "month-end", "Seconds_Before": 9999},
    ],
)
def test_a_clock_asked_wrongly_is_told_the_field(ent, said):
    status, answer = ask(ent, "clock", **said)
    assert status == 400
    assert set(list_wrong(answer)) <= {"To", "Seconds_Before"}


def test_every_process_has_read_the_clock_once_it_is_turned(ent):
    ask(ent, "state")  # now the password is known, and takes no time
    before = clock.now()
    status, _ = ask(ent, "clock", To="year-end")
    assert status == 200
    assert clock.now() > before + timedelta(seconds=60)


# Next answers.


def make_check(caller, customer, ref_id):
    asked = {"Unique_Id": str(customer), "Amount": "10.00", "Tran_Type": "D"}
    return caller.call(CHECK, **asked, Ref_Id=ref_id)


@pytest.mark.parametrize(("answer", "http"), [("503", 503), ("999", 500)])
@pytest.mark.parametrize("effect", ["done", "not-done"])
def test_an_answer_is_changed_so_often_and_what_was_done_is_booked(
    ent, customer, answer, http, effect
):
    ask(ent, "faults", Operation=CHECK, Answer=answer, Effect=effect, Times=2)
    for _ in range(2):
        status, said, _ = make_check(ent, customer, "ONE")
        assert (status, said["Data"]["Resp_Code"]) == (http, answer)
        assert said["Data"]["Allow_Customer"] == "F"
    status, said, _ = make_check(ent, customer, "ONE")
    assert status == 200
    assert said["Meta"].get("Replayed", False) == (effect == "done")
    assert said["Data"]["Cumulative_Bal"] == "10.00"


def test_they_are_of_one_processor_and_one_operation(ent, cbs, customer):
    ask(ent, "faults", Operation=CHECK, Answer="503", Times="until-cleared")
    assert make_check(cbs, customer, "ONE")[0] == 200
    asked = {"Unique_Id": str(customer), "Ref_Id": "TWO"}
    assert ent.call("check-customer-kyc", **asked)[0] == 200
    assert {make_check(ent, customer, "ONE")[0] for _ in range(5)} == {503}
    assert ask(cbs, "state")[1]["Faults"] == []
    assert ask(cbs, "faults/clear")[0] == 200
    assert make_check(ent, customer, "ONE")[0] == 503
    assert ask(ent, "faults/clear", Operation=UPDATE)[1]["Faults"] != []
    assert ask(ent, "faults/clear", Operation=CHECK)[1]["Faults"] == []
    assert make_check(ent, customer, "ONE")[0] == 200


def test_what_is_set_is_told_and_a_new_one_takes_its_place(ent):
    slow = {"Operation": CHECK, "Answer": "slow", "Seconds": "7", "Times": 3}
    assert ask(ent, "faults", **slow)[1]["Faults"] == [{**slow, "Seconds": 7, "Effect": "done"}]
    lost = {"Operation": CHECK, "Answer": "lost", "Effect": "not-done"}
    assert ask(ent, "faults", **lost)[1]["Faults"] == [{**lost, "Seconds": 2, "Times": 1}]
    assert ask(ent, "state")[1]["Faults"] == [{**lost, "Seconds": 2, "Times": 1}]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"Answer": "503"}, "Operation"),
        ({"Operation": "x", "Answer": "503"}, "Operation"),
        ({"Operation": CHECK, "Answer": "504"}, "Answer"),
        ({"Operation": CHECK, "Answer": "lost"}, "Effect"),
        ({"Operation": CHECK, "Answer": "503", "Effect": "half"}, "Effect"),
        ({"Operation": CHECK, "Answer": "slow", "Seconds": 61}, "Seconds"),
        ({"Operation": CHECK, "Answer": "slow", "Seconds": -1}, "Seconds"),
        ({"Operation": CHECK, "Answer": "503", "Times": 0}, "Times"),
        ({"Operation": CHECK, "Answer": "503", "Times": 1001}, "Times"),
    ],
)
def test_an_answer_asked_wrongly_is_told_the_field(ent, said, field):
    status, answer = ask(ent, "faults", **said)
    assert (status, set(list_wrong(answer))) == (400, {field})
    assert next_answers.list_next(ent.processor) == []


def test_whoever_has_no_right_to_call_takes_none_away(ent, customer):
    ask(ent, "faults", Operation=CHECK, Answer="503")
    body = {"Data": {"Check_Limit": {}, "Username": ent.processor.username, "Password": "wrong"}}
    assert Client().post(f"{PREFIX}/{CHECK}", body, "application/json").status_code == 401
    assert make_check(ent, customer, "ONE")[0] == 503


def test_a_report_that_is_done_and_whose_answer_is_a_fault_is_booked_once(ent, customer):
    ask(ent, "faults", Operation=UPDATE, Answer="999", Effect="done", Times=2)
    asked = {"Unique_Id": str(customer), "Amount": "10.00", "Tran_Type": "D", "Tran_Id": "T-1"}
    answers = [ent.call(UPDATE, **asked, Tran_Status="S", Ref_Id="ONE")[0] for _ in range(3)]
    assert answers == [500, 500, 200]
    assert LedgerEntry.objects.count() == 1


def test_an_answer_that_is_set_is_on_record_and_counted_exactly(ent):
    asked = NextAnswer(CHECK, Answer.LOST, is_done=True, seconds=3, times=3)
    processor = Processor.objects.get(pk=ent.processor.pk)
    next_answers.set_next(processor, asked)
    entry = AuditEntry.objects.get(action="demo's next answers set")
    assert entry.processor_id == processor.pk
    taken = [next_answers.take_next(processor, CHECK) for _ in range(4)]
    assert [str(each) for each in taken] == ["lost after 3 s, done"] * 3 + ["None"]
    assert next_answers._find_file().stat().st_size == 0


@pytest.mark.parametrize(
    "text",
    [
        '{"ENT": {',
        "[]",
        "3",
        '{"ENT": 5}',
        '{"ENT": {"check-customer-limit": {}}}',
        '{"ENT": {"check-customer-limit": {"operation": "x", "answer": "x", "is_done": true}}}',
    ],
)
def test_no_call_fails_for_a_file_that_somebody_has_spoilt(ent, customer, text):
    next_answers._find_file().write_text(text)
    assert make_check(ent, customer, "ONE")[0] == 200
    assert ask(ent, "state")[1]["Faults"] == []
    assert ask(ent, "faults", Operation=CHECK, Answer="503")[0] == 200
    assert make_check(ent, customer, "ONE")[0] == 503

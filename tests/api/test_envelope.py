"""Transport and envelope: what a body may be, what every answer has.

docs/api.md, "Transport", "Envelope" and "Codes".
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from customers import records
from customers.models import Customer
from tests.api.answers import (
    NOBODY,
    OPERATIONS,
    add_person,
    assert_malformed,
    list_named,
    make_blank,
    make_valid,
    read_done,
)
from tests.conftest import PREFIX, WORDS
from tests.factories import make_person
from tests.server.calls import call_by_thread

ROOT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 64 * 1024
BODIES = [
    *(b"", b" ", b"{", b"[]", b"null", b'"x"', b"5", b"{}", b'{"Data": 5}', b'{"Data": {}}', b"\0"),
    *(b'{"Data": null}', b'{"Data": []}', b'{"Data": {"%s": []}}', b'{"Data": {"%s": null}}'),
    *(b'{"Data": {"%s": "x"}}', b'[{"Data": {"%s": {}}}]', b'{"data": {"%s": {}}}'),
    *(b"\xff", b"\xef\xbb\xbf{}", b'{"Data": {"%s": {}}} x', b"{'Data': {'%s': {}}}"),
    *(b'{"Data": {"%s": {"Ref_Id": NaN}}}', b'{"Data": {"%s": {"Ref_Id": -Infinity}}}'),
    *(b'{"Data": {"%s": {"Ref_Id": "\\ud800"}}}', b'{"Data": {"%s": {"\\udfff": "1"}}}'),
    *(b'{"Data": {"%s": {}, "Username": "\\ud800"}}', b'{"Data": {"%s": {"Ref_Id": "\xff"}}}'),
    *(b'{"Data": {"%s": {}}, "Risk": "\\ud800"}', b'{"Data": {"%s": {"Ref_Id": "\xed\xa0\x80"}}}'),
    *(b"[" * 5_000, b'{"Data":{"%s":' + b"[" * 60_000, b'{"a":' * 10_000),
    *('{"Data": {"%s": {}}}'.encode("utf-16"), b'{"Data": {"%s": {"a": "\n"}}}'),
]


def assert_unreadable(answer, operation, http=400):
    status, body, _ = answer
    assert status == http
    assert list(body) == ["Data", "Risk", "Links", "Meta"]
    assert body["Data"] == make_blank(operation, "400")
    assert [error["Field"] for error in body["Meta"]["Errors"]] == ["Data"]


@pytest.mark.parametrize("place", range(len(BODIES)))
@pytest.mark.parametrize("operation", ["add-customer", "check-customer-limit"])
def test_a_body_that_is_no_message_is_400_naming_data(ent, operation, place):
    body = BODIES[place].replace(b"%s", WORDS[operation].encode())
    assert_unreadable(ent.send(operation, body), operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_operations_object_is_400(ent, operation):
    other = OPERATIONS[OPERATIONS.index(operation) - 1]
    assert_unreadable(
        ent.send(operation, json.dumps(ent.make_body(other, **make_valid(other)))), operation
    )


def pad_body(body, size):
    text = json.dumps(body)[:-1] + ', "Filler": "'
    return text + "x" * (size - len(text) - 2) + '"}'


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_of_64_kib_is_read_and_one_byte_more_is_413(ent, operation):
    body = ent.make_body(operation, **make_valid(operation, add_person(ent)))
    assert ent.send(operation, pad_body(body, LIMIT_BYTES))[0] == 200
    assert_unreadable(ent.send(operation, pad_body(body, LIMIT_BYTES + 1)), operation, 413)


@pytest.mark.only_on("sqlite", "a server's own signals end a test's transaction elsewhere")
@pytest.mark.parametrize(("size", "http"), [(LIMIT_BYTES, 200), (LIMIT_BYTES + 1, 413)])
def test_a_chunked_body_is_read_to_the_same_size(ent, size, http):
    body = pad_body(ent.make_body("add-customer", **make_person()), size).encode()
    status, _ = call_by_thread("add-customer", headers={"transfer-encoding": "chunked"}, body=body)
    assert status == http


def test_413_comes_before_everything(ent):
    assert_unreadable(ent.send("add-customer", b"\xff" * (LIMIT_BYTES + 1)), "add-customer", 413)


def test_what_json_allows_is_read(ent):
    body = ent.make_body(
        "add-customer", **make_person(Customer_Name="\u092e\u0940\u0930\u093e \U0001f600")
    )
    escaped, plain = json.dumps(body), json.dumps(body, ensure_ascii=False)
    assert "\\ud83d\\ude00" in escaped
    read_done(ent.send("add-customer", f"\n {escaped}\r\n"))
    assert Customer.objects.get().name == "\u092e\u0940\u0930\u093e \U0001f600"
    _, meta = read_done(ent.send("add-customer", plain.encode()))
    assert meta == {"Replayed": True}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_the_content_type_is_not_insisted_on(ent, content_type):
    body = json.dumps(ent.make_body("add-customer", **make_person()))
    response = ent.client.post(f"{PREFIX}/add-customer", body, content_type=content_type)
    assert response.json()["Data"]["Resp_Code"] == "000"
    assert response["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("risk", [{"a": [1, None]}, None, [], "x", 5])
def test_risk_is_anything_and_answered_empty(ent, risk):
    body = {**ent.make_body("add-customer", **make_person()), "Risk": risk, "Links": 5}
    assert ent.send("add-customer", json.dumps(body))[1]["Risk"] == {}
    del body["Risk"]
    assert ent.send("add-customer", json.dumps(body))[0] == 200


def test_unknown_fields_are_ignored(ent):
    body = ent.make_body(
        "add-customer", **make_person(Favourite_Colour="red", Remarks=5, ref_id="x")
    )
    body["Data"]["Channel"] = {"deep": [[[]]]}
    read_done(ent.send("add-customer", json.dumps(body)))


def test_every_answer_has_its_documented_fields_alone(ent):
    unique_id = add_person(ent)
    for operation in OPERATIONS:
        _, body, _ = ent.call(operation, **make_valid(operation, unique_id))
        assert list(body) == ["Data", "Risk", "Links", "Meta"]
        assert set(body["Data"]) == set(make_blank(operation, ""))
        assert (body["Risk"], body["Links"]) == ({}, {})


# Paths and methods.


@pytest.mark.parametrize(
    "path",
    [
        "no-such-operation",
        "add-customer/",
        "Add-Customer",
        "",
        "add-customer/x",
        "%00",
        "..",
        "a//b",
    ],
)
def test_an_unknown_path_is_404_in_the_envelope(db, path):
    response = Client().post(f"{PREFIX}/{path}", "{}", content_type="application/json")
    assert (response.status_code, response.json()) == (
        404,
        {"Data": {"Resp_Code": "404"}, "Risk": {}, "Links": {}, "Meta": {}},
    )
    assert response["X-Request-Id"]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "trace", "head"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_other_method_is_405_in_the_envelope(db, operation, method):
    response = getattr(Client(), method)(f"{PREFIX}/{operation}")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    if method != "head":
        assert response.json()["Data"] == make_blank(operation, "405")


TWO_PREFIXES = """
import json, sys, django
django.setup()
from django.test import Client
client = Client(HTTP_HOST="localhost")
body = json.dumps({"Data": {"Check_KYC": {}, "Username": None}})
for path in sys.argv[1:]:
    reply = client.post(path, body, content_type="application/json")
    print(reply.status_code, reply["Content-Type"].partition(";")[0])
"""


def test_more_prefixes_mount_the_same_api(tmp_path):
    bank, other = "/axis/non-dmz/api/PPIM/v1", "/api/PPIM/v1"
    paths = [f"{prefix}/{end}" for prefix in (bank, other) for end in ("check-customer-kyc", "x")]
    done_ = subprocess.run(
        [sys.executable, "-c", TWO_PREFIXES, *paths],
        cwd=ROOT,
        env={
            "DJANGO_SETTINGS_MODULE": "ppims.settings",
            "PPIMS_API_PREFIXES": f"{bank}, {other}/",
            "PPIMS_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done_.stdout.splitlines() == ["401 application/json", "404 application/json"] * 2


# Headers.


@pytest.mark.parametrize(
    ("sent", "same"),
    [
        *(("abc-123", True), ("a" * 64, True), ("A", True), ("-", True)),
        *(("a" * 65, False), ("no good!", False), ("", False), ("a_b", False), ("\u00e9", False)),
    ],
)
def test_a_sent_request_id_is_carried_and_another_made_where_it_is_none(ent, sent, same):
    response = ent.send("check-customer-kyc", "{}", HTTP_X_FAPI_UUID=sent)[2]
    assert (response["X-Request-Id"] == sent) is same
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", response["X-Request-Id"])


def test_two_answers_have_two_request_ids(ent):
    first, second = (ent.send("check-customer-kyc", "{}")[2]["X-Request-Id"] for _ in "12")
    assert first != second


def test_the_gateways_headers_are_accepted_and_ignored(ent):
    names = "channel-id epoch-millis serviceId serviceVersion".split()
    headers = {f"x-fapi-{name}": "x" for name in names}
    headers |= {"X-IBM-Client-Id": "x", "X-IBM-Client-Secret": "x", "Origin": "https://evil.in"}
    body = json.dumps(ent.make_body("add-customer", **make_person()))
    response = ent.send("add-customer", body, headers=headers)[2]
    assert response.status_code == 200
    assert not response.cookies


def test_no_answer_is_cached(ent):
    for body in ("{}", json.dumps(ent.make_body("add-customer", **make_person()))):
        assert ent.send("add-customer", body)[2]["Cache-Control"] == "no-store"


# Refusals.


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_writes_every_documented_field(ent, operation):
    message = make_valid(operation)
    answers = {
        "400": ent.call(operation, Ref_Id="a b"),
        "401": ent.call(operation, **message, _password="wrong"),
        "403": ent.call(operation, **message, System_Id="OTHER"),
    }
    for code, (status, body, _) in answers.items():
        assert (str(status), body["Data"]) == (code, make_blank(operation, code))


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_unreachable_database_is_503_with_retry_after(ent, monkeypatch, error):
    def fail(*_):
        raise error("connection to 10.0.0.1 lost")

    monkeypatch.setattr(records, "find_registration", fail)
    status, body, response = ent.call("check-customer-kyc", Unique_Id=NOBODY)
    assert (status, body["Data"]) == (503, make_blank("check-customer-kyc", "503"))
    assert int(response["Retry-After"]) >= 1
    assert b"10.0.0.1" not in response.content


def test_the_order_of_what_is_looked_at(ent):
    """Each time the first thing wrong is put right, and the next one shows."""
    unique_id = add_person(ent)
    used = {**make_valid("check-customer-limit", unique_id), "Ref_Id": "REF-1"}
    read_done(ent.call("check-customer-limit", **used))
    wrong = {**used, "Unique_Id": NOBODY, "Amount": "x", "System_Id": "OTHER"}
    steps = [
        ({"_password": "wrong"}, 401, []),
        ({}, 403, ["System_Id"]),
        ({"System_Id": "ENT"}, 400, ["Amount"]),
        ({"System_Id": "ENT", "Amount": "1.00"}, 409, ["Unique_Id"]),
    ]
    for changes, http, fields in steps:
        answer = ent.call("check-customer-limit", **{**wrong, **changes})
        assert (answer[0], list_named(answer)) == (http, fields)
    free = {**wrong, "System_Id": "ENT", "Amount": "1.00", "Ref_Id": "REF-2"}
    assert ent.call("check-customer-limit", **free)[1]["Data"]["Resp_Code"] == "500"


# Nothing that was sent is repeated.

SECRET = "Zq7Zq7Zq7"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("wrap", [str, lambda s: s + "!\u0007", lambda s: [s], lambda s: {s: s}])
def test_a_malformed_value_is_never_repeated(ent, operation, wrap):
    fields = dict.fromkeys([*make_person(), *make_valid(operation), "Ovid_Type", "Tran_Id", SECRET])
    message = {name: wrap(SECRET) for name in fields}
    answer = ent.call(operation, **{**message, "Ref_Id": "a b"})
    assert_malformed(answer)
    assert SECRET not in answer[2].content.decode()
    assert SECRET not in str(answer[2].headers)


def test_credentials_and_system_ids_are_never_repeated(ent):
    for wrong in ({"_username": SECRET}, {"_password": SECRET}, {"System_Id": SECRET}):
        answer = ent.call("add-customer", **make_person(), **wrong)
        assert answer[0] in {401, 403}
        assert SECRET not in answer[2].content.decode()


def test_a_conflict_repeats_neither_value(ent):
    details = make_person(Ref_Id="REF-1", City=SECRET)
    read_done(ent.call("add-customer", **details))
    answer = ent.call("add-customer", **{**details, "City": "Other" + SECRET})
    assert (answer[0], list_named(answer)) == (409, ["City"])
    assert SECRET not in answer[2].content.decode()

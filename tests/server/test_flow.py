"""What a processor does in a day, on each server as `python3 -m ppims` starts it."""

import re

import pytest
from django.db import connection

from ppims import __main__ as start
from tests.concurrency.conftest import Postgresql, install
from tests.crash.server import Server
from tests.factories import PASSWORD, draw_mobile, draw_ref, make_person
from tests.server.running_server import (
    PASSWORDS,
    PATIENCE_SECONDS,
    RunningServer,
    encode,
    get,
    make_body,
)

pytestmark = pytest.mark.django_db
KEYS = ("LEDGER", "DIGEST", "DOCUMENT", "SESSION")


@pytest.fixture(scope="module")
def database(request, tmp_path_factory):
    """Give the variables that name a database with processors in it, and the password of ENT."""
    if connection.vendor == "sqlite":
        yield {}, PASSWORDS["ENT"]
        return
    made = Postgresql(request.getfixturevalue("postgres_server"))
    with install(tmp_path_factory.mktemp("postgresql"), made) as installation:
        keys = f"{installation.folder}/keys"
        named = {f"PPIMS_{name}_KEYS_FILE": f"{keys}/{name.lower()}.key" for name in KEYS}
        yield {**made.variables, **named}, PASSWORD
    made.remove()


@pytest.fixture(scope="module", params=start.SERVERS)
def server(request, database, tmp_path_factory):
    variables, password = database
    folder = tmp_path_factory.mktemp(request.param)
    made = RunningServer(folder, PPIMS_SERVER=request.param, **variables)
    made.password = password
    if connection.vendor == "sqlite":
        made.set_up(request.getfixturevalue("prepared"))
    Server.start(made)
    try:
        made.wait_until_ready()
        yield made
        made.process.terminate()
        assert made.process.wait(PATIENCE_SECONDS) == 0
        assert "Traceback" not in made.read_log()
    finally:
        made.kill()


def read_told(server, operation, **fields):
    body = make_body(operation, **fields).replace(
        PASSWORDS["ENT"].encode(), server.password.encode()
    )
    reply = server.ask(encode(operation, body))
    assert (reply.status, reply.data["Resp_Code"]) == (200, "000"), reply
    return reply


def test_a_processors_day(server):
    mobile, first = draw_mobile(), int(draw_ref()[1:]) * 10
    refs = (f"{number:09d}" for number in range(first, first + 10))
    customer = read_told(
        server, "add-customer", Ref_Id=next(refs), **make_person(Mobile_Number=mobile)
    )
    unique_id = {"Unique_Id": customer.data["Unique_Id"]}
    known = read_told(
        server, "customer-registration-status", Ref_Id=next(refs), Mobile_Number=mobile
    )
    assert known.data["Unique_Id"] == unique_id["Unique_Id"]

    amount = {"Amount": "1000.00", "Tran_Type": "D", **unique_id}
    enquiry = next(refs)
    check = read_told(server, "check-customer-limit", Ref_Id=enquiry, **amount)
    assert check.data["Allow_Customer"] == "T"
    report = {"Tran_Status": "S", "Enquiry_Ref_Id": enquiry, "Tran_Id": f"T{enquiry}", **amount}
    report["Ref_Id"] = next(refs)
    update = read_told(server, "update-customer-limit", **report)
    assert update.data["Cumulative_Bal"] == "1000.00"
    again = read_told(server, "update-customer-limit", **report)
    assert again.data == update.data
    assert b'"Replayed":true' in again.body

    read_told(server, "update-customer", Ref_Id=next(refs), Email_Id="m@example.in", **unique_id)
    kyc = read_told(server, "check-customer-kyc", Ref_Id=next(refs), **unique_id)
    assert kyc.data["KYC_Flag"] == "P"
    assert server.get("/readyz") == (200, {"status": "ok", "missing": []})


def test_its_pages_and_their_files(server):
    login = server.ask(get("/log-in"))
    assert login.status == 200
    style, *_ = re.findall(r'href="(/static/[^"]+\.css)"', login.body.decode())
    file = server.ask(get(style))
    assert (file.status, file.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    documentation = server.ask(get("/api/PPIM/v1/openapi.json"))
    assert (documentation.status, documentation.headers["Content-Type"]) == (
        200,
        "application/json",
    )

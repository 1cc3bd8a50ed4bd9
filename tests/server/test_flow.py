"""What a processor does in a day, on each server as `python3 -m ppims` starts it."""

import re

import pytest

from ppims import __main__ as start
from tests.crash.server import Server
from tests.factories import person
from tests.server.served import PATIENCE_SECONDS, Served, body_of, page, request

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "it starts from a file"),
]


@pytest.fixture(scope="module", params=start.SERVERS)
def server(request, prepared, tmp_path_factory):
    made = Served(tmp_path_factory.mktemp(request.param), PPIMS_SERVER=request.param)
    made.set_up(prepared)
    Server.start(made)
    try:
        made.wait_until_ready()
        yield made
        made.process.terminate()
        assert made.process.wait(PATIENCE_SECONDS) == 0
        assert "Traceback" not in made.log()
    finally:
        made.kill()


def told(server, operation, **fields):
    reply = server.ask(request(operation, body_of(operation, **fields)))
    assert (reply.status, reply.data["Resp_Code"]) == (200, "000"), reply
    return reply


def test_a_processors_day(server):
    mobile = "919811111111"
    customer = told(server, "add-customer", Ref_Id="1", **person(Mobile_Number=mobile))
    unique_id = {"Unique_Id": customer.data["Unique_Id"]}
    status = told(server, "customer-registration-status", Ref_Id="2", Mobile_Number=mobile)
    assert status.data["Unique_Id"] == unique_id["Unique_Id"]

    amount = {"Amount": "1000.00", "Tran_Type": "D", **unique_id}
    check = told(server, "check-customer-limit", Ref_Id="3", **amount)
    assert check.data["Allow_Customer"] == "T"
    fields = {"Ref_Id": "4", "Tran_Status": "S", "Enquiry_Ref_Id": "3", "Tran_Id": "T1", **amount}
    update = told(server, "update-customer-limit", **fields)
    assert update.data["Cumulative_Bal"] == "1000.00"
    again = told(server, "update-customer-limit", **fields)
    assert again.data == update.data
    assert b'"Replayed":true' in again.body

    told(server, "update-customer", Ref_Id="5", Email_Id="m@example.in", **unique_id)
    kyc = told(server, "check-customer-kyc", Ref_Id="6", **unique_id)
    assert kyc.data["KYC_Flag"] == "P"
    assert server.get("/readyz") == (200, {"status": "ok", "missing": []})


def test_its_pages_and_their_files(server):
    login = server.ask(page("/log-in"))
    assert login.status == 200
    style, *_ = re.findall(r'href="(/static/[^"]+\.css)"', login.body.decode())
    file = server.ask(page(style))
    assert (file.status, file.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    documentation = server.ask(page("/api/PPIM/v1/openapi.json"))
    assert (documentation.status, documentation.headers["Content-Type"]) == (
        200,
        "application/json",
    )

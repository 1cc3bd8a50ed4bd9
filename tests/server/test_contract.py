"""What schemathesis makes of openapi.json, in its schemas and not: each answer is one that is
described there, nothing is a fault of ours, and the ledger is right in the end.
"""

import http.client
import json
import random
from collections import Counter
from contextlib import closing
from functools import cache, partial

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis.generation import GenerationMode

from tests.conftest import PREFIX, WORDS
from tests.crash.integrity import assert_rows_fit, read, sum_entries
from tests.crash.server import Server
from tests.factories import PASSWORD, make_person

REQUESTS_IN_SHORT, BATCH = 240, 600
UNKNOWN_PERCENT = 4  # of the requests keep the log-in that was drawn: each costs a hash
pytestmark = pytest.mark.only_on("sqlite", "it brings its own server")


class Caller:
    """Sends what was drawn, as a processor that is known, and about customers who are there."""

    def __init__(self, server, described):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.described = described
        self.draw = random.Random(1)
        self.customers, self.refs, self.answers, self.number = [], [], Counter(), 0
        self.failure = None
        self.find_validator = cache(self._make_validator)

    def send(self, path, body, mode):
        """Send one request, and compare its answer with what is described."""
        operation = path.removeprefix(f"{PREFIX}/")
        message = _find_message(operation, body)
        if message is not None and self.draw.randrange(100) >= UNKNOWN_PERCENT:
            self._make_known(body["Data"], message)
        response, said = self._ask(path, json.dumps(body))
        assert response.headers.get_content_type() == "application/json", (path, said)
        answer = json.loads(said)
        self.answers[mode, operation, response.status, answer["Data"]["Resp_Code"]] += 1
        assert response.status < 500 or response.status == 503, (body, answer)
        found = self.find_validator(path, str(response.status)).iter_errors(answer)
        assert [error.message for error in found] == [], (body, answer)
        self._learn(answer["Data"], message)

    def _ask(self, path, text):
        headers = {"Content-Type": "application/json"}
        try:
            self.connection.request("POST", path, text, headers)
            response = self.connection.getresponse()
        except ConnectionError:  # it stood idle while the next one was drawn
            self.connection.close()
            self.connection.request("POST", path, text, headers)
            response = self.connection.getresponse()
        return response, response.read()

    def _make_known(self, data, message):
        self.number += 1
        data |= {"Username": "PPIM_ENT", "Password": PASSWORD}
        message["System_Id"] = "ENT"
        if self.draw.randrange(10):  # else it may be a repeat, or no Ref_Id at all
            message["Ref_Id"] = f"F{self.number}"
        if "Unique_Id" in message and self.customers and self.draw.randrange(10):
            message["Unique_Id"] = self.draw.choice(self.customers)
        if "Mobile_Number" in message and self.draw.randrange(
            2
        ):  # else it is often one that is known
            message["Mobile_Number"] = f"9{self.number:09d}"
        if "Date_Of_Birth" in message and self.draw.randrange(2):  # a pattern knows no calendar
            message["Date_Of_Birth"] = "14-02-1991"
        if "Enquiry_Ref_Id" in message and self.refs and self.draw.randrange(4):
            message["Enquiry_Ref_Id"] = self.draw.choice(self.refs)

    def _learn(self, data, message):
        if data["Resp_Code"] == "000" and data.get("Unique_Id", "NA") != "NA":
            self.customers = [*self.customers, data["Unique_Id"]][-20:]
        if data.get("Allow_Customer") == "T":
            self.refs = [*self.refs, message["Ref_Id"]][-20:]

    def _make_validator(self, path, status):
        answers = self.described["paths"][path]["post"]["responses"]
        assert status in answers, (path, status)
        schema = answers[status]["content"]["application/json"]["schema"]
        return Draft202012Validator({**schema, "components": self.described["components"]})


def _find_message(operation, body):
    """Find the operation's fields in a body, if it has so much form."""
    data = body.get("Data") if isinstance(body, dict) else None
    message = data.get(WORDS[operation]) if isinstance(data, dict) else None
    return message if isinstance(message, dict) else None


def send_batch(caller, operation, mode, requests, number):
    """Send so many requests of one operation, drawn by this number."""

    @seed(number)
    @settings(
        max_examples=requests,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failure is shown as it was found
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case):
        body = case.body if isinstance(case.body, dict | list | str | int) else None
        if caller.failure is None:
            try:
                caller.send(operation.path, body, mode.value)
            except Exception as error:  # noqa: BLE001 - asked again, it would be answered otherwise
                caller.failure = error

    ask()
    if caller.failure is not None:
        raise caller.failure


def test_each_answer_to_whatever_is_drawn_is_as_described(tmp_path, request, capsys):
    asked = request.config.getoption("requests") or REQUESTS_IN_SHORT
    server = Server(tmp_path, PPIMS_HOLD_MINUTES="1440", PPIMS_RUN_JOBS="0")
    server.set_up()
    server.start()
    try:
        server.wait_until_ready()
        _, described = server.get(f"{PREFIX}/openapi.json")
        caller = Caller(server, described)
        with closing(caller.connection):
            message = {"Ref_Id": "0", "System_Id": "ENT", **make_person()}
            caller.send(
                f"{PREFIX}/add-customer", {"Data": {"Add_Customer": message}}, "a first one"
            )
            send_all(caller, asked)
        assert server.process.poll() is None
    finally:
        server.kill()
    log = (tmp_path / "server.log").read_text()
    assert [line for line in log.splitlines() if "Traceback" in line or '"ERROR"' in line] == []
    assert_rows_fit(partial(read, tmp_path))
    server.manage("verify_ledger", patience_seconds=600)
    kinds = Counter()
    for (mode, _, status, code), count in caller.answers.items():
        kinds[f"{mode}: {status} {code}"] += count
    with capsys.disabled():
        print(f"\n{caller.answers.total()} requests: {dict(kinds.most_common())}")
    done = {operation for _, operation, _, code in caller.answers if code == "000"}
    assert len(done) > len(WORDS) / 2  # in the long form all of them
    assert {status for _, _, status, _ in caller.answers} >= {200, 400, 401}
    assert sum_entries(partial(read, tmp_path))


def send_all(caller, asked):
    """Send so many, by turns of each operation what fits its schema and what doesn't."""
    described = schemathesis.openapi.from_dict(caller.described)
    operations = [each.ok() for each in described.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    kinds = [(each, mode) for each in operations for mode in modes]
    batch, number = min(BATCH, -(-asked // len(kinds))), 0
    while caller.answers.total() < asked:
        operation, mode = kinds[number % len(kinds)]
        number += 1
        send_batch(caller, operation, mode, batch, number)

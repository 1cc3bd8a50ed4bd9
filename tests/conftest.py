"""What every test gets: a process that remembers nothing, the default rules, and two processors
with a client each.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from limits.services import rules
from ppims import auth
from ppims.models import Processor
from tests.factories import PASSWORD, make_processor, new_ref

WORDS = {
    "add-customer": "Add_Customer",
    "update-customer": "Update_Customer",
    "customer-registration-status": "Check_Reg_Status",
    "check-customer-kyc": "Check_KYC",
    "check-customer-limit": "Check_Limit",
    "update-customer-limit": "Update_Limit",
}
PREFIX = "/api/PPIM/v1"


@pytest.fixture(autouse=True)
def _a_new_worker():
    auth.forget_everything()
    yield
    auth.forget_everything()


@pytest.fixture(autouse=True)
def _default_rules(request):
    uses_database = request.node.get_closest_marker("django_db") or {
        "db",
        "transactional_db",
    } & set(request.fixturenames)
    if uses_database:
        fixture = "transactional_db" if "transactional_db" in request.fixturenames else "db"
        request.getfixturevalue(fixture)
        rules.load_first_pack()


@dataclass
class Caller:
    """A processor's client: fills in what every request needs; a field that is None is left out."""

    processor: Processor
    client: Client

    def body(self, operation: str, **fields: Any) -> dict[str, Any]:
        username = fields.pop("_username", self.processor.username)
        password = fields.pop("_password", PASSWORD)
        fields = {"Ref_Id": new_ref(), "System_Id": self.processor.system_id, **fields}
        message = {name: value for name, value in fields.items() if value is not None}
        return {
            "Data": {WORDS[operation]: message, "Username": username, "Password": password},
            "Risk": {},
        }

    def call(self, operation: str, **fields: Any) -> tuple[int, dict[str, Any], Any]:
        return self.send(operation, json.dumps(self.body(operation, **fields)))

    def send(
        self, operation: str, body: str | bytes, **headers: Any
    ) -> tuple[int, dict[str, Any], Any]:
        response = self.client.post(
            f"{PREFIX}/{operation}", body, content_type="application/json", **headers
        )
        return response.status_code, json.loads(response.content), response


@pytest.fixture
def ent(db) -> Caller:
    return Caller(make_processor("ENT"), Client())


@pytest.fixture
def cbs(db) -> Caller:
    return Caller(make_processor("CBS"), Client())

"""A NUL, and a day at the end of time, in each field of each operation: a refusal, or what it says;
never a fault.
"""

import pytest

from limits.queries import list_in_force
from limits.services import rules
from limits.services.rules import Proposal
from ppims.core import clock
from tests.api.answers import OPERATIONS, add_person, make_valid
from tests.factories import make_person
from tests.web.admin_pages import make_user

NUL = "a\0b"
FAR_DATES = ["31-12-9999", "01-01-0001", "31-12-2200"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_nul_in_any_field_is_refused(ent, operation):
    fields = {**make_valid(operation), "Ref_Id": "1", "System_Id": "ENT"}
    for name in (*fields, "_username", "_password"):
        status, _, _ = ent.call(operation, **{**fields, name: NUL})
        assert status in {400, 401, 403}, name


def test_a_nul_in_a_path_or_a_header_of_the_api_finds_nothing(ent):
    status, _, _ = ent.send("check-customer-limit\0", "{}")
    assert status == 404
    status, _, response = ent.send("check-customer-limit", "{}", HTTP_X_FAPI_UUID=NUL)
    assert status == 400
    assert NUL not in response["X-Request-Id"]


@pytest.mark.parametrize("day", FAR_DATES)
def test_a_day_at_the_end_of_time_takes_nothing_down(ent, day):
    """Loading stops some months after KYC was done, which no calendar may reach."""
    asked = Proposal("N", "C", "CREDIT_STOP", 600, "A test")
    proposed = rules.propose(proposals=[asked], user=make_user("admin"))
    rules.decide(proposal_id=proposed.pk, state="APPROVED", user=make_user("admin"))
    assert proposed.rules.get() in list_in_force(clock.now())
    for told in ({"Date_Of_Birth": day}, {"KYC_Updated_On": f"{day} 23:59:59"}):
        status, reply, _ = ent.call("add-customer", **make_person(**told))
        assert status in {200, 400}
        if status == 200:
            load = {"Unique_Id": reply["Data"]["Unique_Id"], "Amount": "1.00", "Tran_Type": "C"}
            assert ent.call("check-customer-limit", **load)[0] == 200
    known = add_person(ent)
    for told in ({"Date_Of_Birth": day}, {"KYC_Flag": "P", "KYC_Updated_On": f"{day} 00:00:00"}):
        assert ent.call("update-customer", Unique_Id=known, **told)[0] in {200, 400}

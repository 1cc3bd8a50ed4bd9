"""PostgreSQL behind an event loop: the loop itself never asks it, and what has changed there counts
at once, in every worker.
"""

from collections import Counter

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install
from tests.postgresql import cluster
from tests.postgresql.site import serve
from tests.postgresql.test_restart import end_sessions, restart

pytestmark = pytest.mark.only_on("postgresql", "SQLite is a file, and read on the loop")
CALLS = 20
# Django refuses to open a connection on a loop, unless it is told not to; and so does ours then.
REFUSED_ON_THE_LOOP = {"DJANGO_ALLOW_ASYNC_UNSAFE": "", "PPIMS_THREADS": "2"}
SET_STATE = "UPDATE ppims_processor SET state = ? WHERE system_id = 'ENT'"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with (
        cluster.run_cluster(**cluster.DURABLE) as server,
        install(tmp_path_factory.mktemp("loop"), Postgresql(server)) as made,
        serve(made, "asgi", **REFUSED_ON_THE_LOOP) as serving,
    ):
        yield serving


def set_state(site, state):
    database = site.made.database.connect()
    site.made.database.execute(database, SET_STATE, state)
    database.close()


def ask_status(site, mobile="919812345670"):
    return site.call(
        "customer-registration-status", "Check_Reg_Status", "S1", 0, Mobile_Number=mobile
    )


def test_the_loop_opens_no_connection_whatever_is_asked(site):
    unique_id = site.made.add_customer()
    amount = {"Amount": "1.00", "Tran_Type": "D"}
    person = {"Customer_Id": "1", "Customer_Name": "Meera", "Mobile_Number": "919812345670"}
    add = {**person, "Date_Of_Birth": "14-02-1991", "Account_Number": "1", "Account_Status": "A"}
    add |= {"KYC_Flag": "P", "KYC_Updated_Channel": "PGO", "Customer_Type": "N"}
    asked = [
        site.call("add-customer", "Add_Customer", draw_ref(), "NA", **add),
        ask_status(site),
        site.know(unique_id),
        site.call("check-customer-limit", "Check_Limit", draw_ref(), unique_id, **amount),
        site.post(draw_ref(), unique_id),
        site.call("update-customer", "Update_Customer", draw_ref(), unique_id, Email_Id="m@x.in"),
    ]
    assert [(status, body["Data"]["Resp_Code"]) for status, body, _ in asked] == 6 * [(200, "000")]
    assert "SynchronousOnlyOperation" not in (site.made.folder / "log").read_text()


def test_a_credential_that_is_disabled_stops_working_at_once_in_every_worker(site):
    unique_id = site.made.add_customer()
    for _ in range(3):
        set_state(site, "DISABLED")
        assert Counter(site.know(unique_id)[0] for _ in range(CALLS)) == {401: CALLS}
        set_state(site, "ACTIVE")
        assert Counter(site.know(unique_id)[0] for _ in range(CALLS)) == {200: CALLS}


@pytest.mark.parametrize("drop", [restart, end_sessions])
def test_who_reads_after_idle_connections_were_dropped_notices_nothing(site, drop):
    unique_id = site.made.add_customer()
    for ask in (lambda: site.know(unique_id), lambda: ask_status(site)):
        for _ in range(CALLS):  # each thread of each worker has its connection
            ask()
        drop(site)
        assert {ask()[0] for _ in range(CALLS)} == {200}

"""Two processes take turns at one file: everyone is answered, and each amount counts once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.crash.wholeness import assert_whole, read
from tests.server.conftest import wait_until
from tests.server.served import KYC, SAMPLE, UPDATE, Served, asked, body_of, known, request

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]

CLIENTS, EACH, MOST_CLIENTS = 12, 12, 120
STATUS = "customer-registration-status"
POSTED = "SELECT ref_id FROM limits_ledgerentry"
USED = f"SELECT SUM(debit_paise) FROM limits_monthlyusage WHERE customer_id = {SAMPLE}"


@pytest.fixture
def server(prepared, tmp_path):
    made = Served(tmp_path)
    made.set_up(prepared)
    made.start(workers=2)
    made.wait_until_ready()
    yield made
    made.kill()


def post(server, client):
    """Post one after another, each over a connection of its own: whichever process takes it."""
    refs = [f"{client}-{number}" for number in range(EACH)]
    replies = [
        server.ask(request(UPDATE, asked(UPDATE, Ref_Id=ref, Tran_Status="S"))) for ref in refs
    ]
    assert {(reply.status, reply.data["Resp_Code"]) for reply in replies} == {(200, "000")}
    return refs


def post_until_each_has_its_part(server, workers):
    """Post from many clients at once: on a busy machine one process may take nearly all."""
    refs = []
    with ThreadPoolExecutor(CLIENTS) as threads:
        for first in range(0, MOST_CLIENTS, CLIENTS):
            clients = range(first, first + CLIENTS)
            for each in threads.map(partial(post, server), clients):
                refs += each
            if all(bytes_written(worker) > 100_000 for worker in workers):  # pages of the log
                return refs
    raise AssertionError("one of them wrote nothing")


def bytes_written(pid):
    counters = Path(f"/proc/{pid}/io").read_text().split()
    return int(counters[counters.index("wchar:") + 1])


def test_nobody_finds_the_database_busy(server):
    wait_until(lambda: len(server.processes()) == 3)
    _, *workers = server.processes()
    refs = post_until_each_has_its_part(server, workers)
    assert sorted(ref for (ref,) in read(server.folder, POSTED)) == sorted(refs)
    assert read(server.folder, USED) == [(100 * len(refs),)]
    assert "unavailable" not in server.log()
    assert_whole(server.folder)


def test_reads_on_the_loop_open_one_connection(server):
    _, *workers = server.processes()
    for number in range(30):
        assert server.ask(request(KYC, known(f"K{number}"))).status == 200
        fields = {"Ref_Id": f"S{number}", "Mobile_Number": "919812345670"}
        assert server.ask(request(STATUS, body_of(STATUS, **fields))).status == 200
    most = max(open_files(worker, server.folder / "ppims.sqlite3") for worker in workers)
    assert 1 <= most <= 4  # the loop's, the passwords', the writer's, a page's


def open_files(pid, file):
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(link.is_symlink() and link.readlink() == file for link in links)

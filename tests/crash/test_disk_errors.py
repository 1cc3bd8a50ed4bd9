"""A disk that fails: whichever call it is, each answer is a 503 or the truth, one Ref_Id has one
effect, and what was answered outlasts a power cut.
"""

import errno
from contextlib import closing
from itertools import product

import pytest

from tests.crash.disk.power_cut import read_tape
from tests.crash.disk.recorder import DATABASE, LOG, SYNCS, TRUNCATES, WRITES
from tests.crash.integrity import assert_whole, read
from tests.crash.server import PATIENCE_SECONDS, Client
from tests.crash.test_power_cuts import ALONE, assert_kept, library, open_trial  # noqa: F401 - a fixture
from tests.factories import draw_ref, make_person

WORKER_ENDED = 3
# The log is moved after 250 writes of a worker, and what is wrong in the database shows after that.
ANSWERS_BEFORE, ANSWERS_AFTER = 40, {LOG: 60, DATABASE: 500}
FIRST_CALLS, FIRST_CALLS_AT_LENGTH = (1, 2, 5), range(1, 40)
SUM_OF_USE = "SELECT SUM(debit_paise) FROM limits_monthlyusage"


@pytest.mark.parametrize("files", [LOG, DATABASE])
def test_a_failed_sync_ends_the_server_and_a_start_mends_all(tmp_path, library, files):  # noqa: F811
    with open_trial(tmp_path, library) as trial:
        server = trial.server
        working = [trial.threads.submit(till.work) for till in trial.tills]
        trial.wait_for_answers(ANSWERS_BEFORE)
        with server.recorder.fail(SYNCS, files, times=1):
            assert server.process.wait(timeout=PATIENCE_SECONDS) == WORKER_ENDED
            assert server.recorder.count()[1] == 1
        for each in working:
            each.result()
        assert (
            "the disk did not keep what was written" in (server.folder / "server.log").read_text()
        )
        trial.start()
        trial.heal()
        trial.work(ANSWERS_AFTER[files])
        kinds = [kind for kind, *_ in read_tape(server.recorder.tape)]
        for folder in trial.cut_often(3, since=kinds.index("F")):
            assert_kept(trial, folder)
        trial.go_on_from(folder)
        trial.start()
        trial.heal()
        trial.compare()


def test_whichever_call_fails_an_answer_is_503_or_true_and_counts_once(tmp_path, library, request):  # noqa: F811
    firsts = FIRST_CALLS_AT_LENGTH if request.config.getoption("cuts") else FIRST_CALLS
    kinds = [(WRITES, LOG), (WRITES, DATABASE), (TRUNCATES, LOG | DATABASE)]
    with open_trial(tmp_path, library, **ALONE) as trial, closing(Client(trial.server)) as client:
        added = client.ask("add-customer", Ref_Id=draw_ref(), **make_person())
        plain = {"Unique_Id": added.data["Unique_Id"], "Tran_Type": "D", "Tran_Status": "S"}
        booked, refused = 0, 0
        for (calls, files), error, first in product(kinds, (errno.EIO, errno.ENOSPC), firsts):
            report = {**plain, "Ref_Id": draw_ref(), "Amount": "1.00"}
            with trial.server.recorder.fail(calls, files, error=error, first=first, times=2):
                answer = client.ask("update-customer-limit", **report)
                failed = trial.server.recorder.count()[1]
            assert answer.status == (503 if failed else 200), (calls, files, error, first)
            again = client.ask("update-customer-limit", **report)
            assert (again.status, again.is_replay) == (200, answer.status == 200)
            booked, refused = booked + 100, refused + (answer.status == 503)
            assert read(trial.server.folder, SUM_OF_USE) == [(booked,)]
        assert refused > len(firsts)
        assert trial.server.process.poll() is None
        assert_whole(trial.server.folder)
        trial.server.manage("verify_ledger")

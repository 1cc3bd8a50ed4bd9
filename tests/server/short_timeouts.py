"""The default server, less patient than it is, and with few connections, for these tests' sake; and
whether others are served as promptly as ever.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

from tests.server.running_server import KYC, PATIENCE_SECONDS, RunningServer, ask_kyc, encode

CONFIGURATION = """
worker_connections = 24

def post_worker_init(worker):
    from ppims.server import gunicorn_worker as ours
    ours.ARRIVAL_SECONDS = ours.TAKING_SECONDS = {seconds}
"""
ARRIVAL_SECONDS, KEPT_SECONDS, MOST_CONNECTIONS = 1, 2, 24
LATE_SECONDS = 4  # on a machine that does much else
PROMPT_SECONDS = 0.5  # what a request may take here that nothing stands in the way of
HALF_SENT = encode(KYC, ask_kyc())


@contextmanager
def serve(prepared, folder):
    made = RunningServer(folder)
    made.set_up(prepared)
    (folder / "gunicorn.py").write_text(CONFIGURATION.format(seconds=ARRIVAL_SECONDS))
    made.start("-c", str(folder / "gunicorn.py"))
    made.wait_until_ready()
    assert made.ask(encode(KYC, ask_kyc())).status == 200  # it knows the password from here on
    try:
        yield made
    finally:
        made.kill()
    assert "Traceback" not in made.read_log()
    errors = [line for line in made.read_log().splitlines() if '"ERROR"' in line]
    assert [line for line in errors if '"status_code":503' not in line] == []


def is_known(reply):
    return reply.status == 200 and reply.data["KYC_Flag"] == "P"


def wait_for_end(wire):
    """Wait until the connection ends without another word: the seconds that took."""
    began = time.monotonic()
    assert wire.read_reply() is None
    return time.monotonic() - began


@contextmanager
def assert_others_unharmed(server):
    """Ask all the while, over connections of our own: each answer is prompt."""
    took = []
    with ThreadPoolExecutor(1) as threads:
        is_over = []

        def keep_asking():
            while not is_over or not took:
                began = time.monotonic()
                assert is_known(server.ask(encode(KYC, ask_kyc())))
                took.append(time.monotonic() - began)
                time.sleep(0.02)

        asking = threads.submit(keep_asking)
        try:
            yield took
        finally:
            is_over.append(True)
        asking.result(PATIENCE_SECONDS)
    assert median(took) < PROMPT_SECONDS, took

"""`bench --soak`: a process whose memory creeps is found, and so is a file that grows."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.bench import soak
from tests.bench.soak import Sample

pytestmark = pytest.mark.only_on("sqlite", "it brings its own databases")
LEAK_PROGRAM = """
import sys
held = [bytearray(4_000_000)]
print("up", flush=True)
for _ in sys.stdin:  # a line a step
    held.append(bytearray({bytes}))
    open({path!r}, "ab").write(bytes(100_000))
    print("done", flush=True)
"""


@contextmanager
def run_stub(step_bytes, path):
    program = LEAK_PROGRAM.format(bytes=step_bytes, path=str(path))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:
        assert process.stdout.readline() == "up\n"
        yield process
        process.stdin.close()


def watch(process, folder):
    """Let it go twelve steps, and look at it after each."""
    for _ in range(12):
        process.stdin.write("on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        yield soak.take_sample(process.pid, folder)


@pytest.mark.parametrize(("step_bytes", "leaks"), [(300_000, True), (0, False)])
@pytest.mark.parametrize(("name", "creeps"), [("other.log", True), ("server.log", False)])
def test_a_process_that_leaks_is_found_and_a_file_that_grows(
    tmp_path, step_bytes, leaks, name, creeps
):
    with run_stub(step_bytes, tmp_path / name) as process:
        samples = list(watch(process, tmp_path))
    ((pid, drift),) = soak.find_drifts(samples).items()
    assert pid == process.pid
    assert (drift > soak.MOST_DRIFT) is leaks
    assert list(soak.find_growing_files(samples)) == ([name] if creeps else [])


def make_samples(*lengths):
    return [Sample({1: 100}, {"ppims.sqlite3-wal": length}) for length in lengths]


def test_the_log_may_be_as_long_as_its_bound_and_no_longer():
    bound = soak.MOST_BYTES["ppims.sqlite3-wal"]
    assert soak.find_growing_files(make_samples(0, 0, bound)) == {}
    more = soak.LEAST_GROWTH_BYTES + 1
    assert soak.find_growing_files(make_samples(0, 0, bound + more)) != {}


def test_a_process_that_was_not_there_all_the_time_is_left_out():
    samples = [Sample({1: 100, 2: 50}, {}), *[Sample({1: 100}, {})] * 3]
    assert soak.find_drifts(samples) == {1: pytest.approx(0)}

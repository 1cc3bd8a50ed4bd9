"""What workers count: added up rightly over threads, processes, kills and full disks."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ppims.core import counts, kept_counts
from ppims.core.counts import Counts
from ppims.core.kept_counts import CountsFile, read_workers
from ppims.server import worker_counts
from tests.concurrency.conftest import ROOT, make_variables

NAME, BOUNDS = "ppims_tried_total", (1, 5)
# Counts one for each line that it is sent, and says when that is kept.
COUNT_LINES = """
import sys
from pathlib import Path
from ppims.core import counts, kept_counts

file = kept_counts.CountsFile(Path(sys.argv[1]))
for line in sys.stdin:
    counts.CALLS.add("status", "000", line.strip())
    file.keep({"queue": 1})
    print(file.path.name, flush=True)
"""


@pytest.fixture
def tried(monkeypatch):
    """One count, as if it were all that a process counts."""
    count = Counts(NAME, "Tried.", ("what",), BOUNDS)
    monkeypatch.setattr(counts, "EVERY_COUNT", (count,))
    return count


def add_up(folder):
    found = {}
    for worker in read_workers(folder):
        for labels, numbers in worker.counted.get(NAME, {}).items():
            known = found.get(labels, [0] * len(numbers))
            found[labels] = [one + more for one, more in zip(known, numbers, strict=True)]
    return found


def test_a_value_at_a_bound_falls_below_it_and_a_larger_one_above(tried):
    for value in (0, 1, 1.01, 5, 5.01):
        tried.add_value(value, "x")
    assert tried.read() == {("x",): [2, 2, 1, 12.02]}


def test_what_several_threads_count_is_all_there(tried):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: tried.add_value(1, "x"), range(4_000)))
    finally:
        sys.setswitchinterval(interval)
    assert tried.read() == {("x",): [4_000, 0, 0, 4_000]}


def test_more_labels_than_there_is_room_for_are_counted_together(tried, monkeypatch):
    monkeypatch.setattr(counts, "MOST_LABELS", 2)
    for label in ("a", "b", "c", "d", "a"):
        tried.add_value(0, label)
    assert {labels: numbers[0] for labels, numbers in tried.read().items()} == {
        ("a",): 2,
        ("b",): 1,
        ("others",): 2,
    }


def test_the_next_worker_goes_on_from_the_one_that_has_ended(tried, tmp_path):
    tried.add_value(2, "x")
    first = CountsFile(tmp_path)
    first.keep({"queue": 3})
    (worker,) = read_workers(tmp_path)
    assert (worker.pid, worker.gauges) == (os.getpid(), {"queue": 3})
    first.close()
    (worker,) = read_workers(tmp_path)
    assert (worker.pid, worker.gauges) == (0, {})  # what it had is gone, what it counted is not
    tried.clear()
    second = CountsFile(tmp_path)
    tried.add_value(2, "x")
    second.keep({})
    assert add_up(tmp_path) == {("x",): [0, 2, 0, 4]}
    assert [path.name for path in tmp_path.iterdir()] == ["000"]
    second.close()


def test_each_worker_that_lives_has_a_file_of_its_own(tried, tmp_path):
    one, other = CountsFile(tmp_path), CountsFile(tmp_path)
    tried.add_value(2, "x")
    one.keep({})
    other.keep({})
    assert add_up(tmp_path) == {("x",): [0, 2, 0, 4]}
    for file in (one, other):
        file.close()


def test_a_file_is_its_owners_alone_and_has_its_room_from_the_start(tried, tmp_path):
    file = CountsFile(tmp_path / "metrics")
    stat = file.path.stat()
    assert (stat.st_mode & 0o777, file.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert stat.st_blocks * 512 >= kept_counts.PLACE_BYTES * kept_counts.PLACES
    file.close()


def test_a_writing_that_was_cut_off_leaves_the_one_before(tried, tmp_path):
    file = CountsFile(tmp_path)
    for _ in range(3):
        tried.add_value(0, "x")
        file.keep({})
    place = file._writings % kept_counts.PLACES * kept_counts.PLACE_BYTES
    with file.path.open("r+b") as opened:
        opened.seek(place + kept_counts.HEAD_FORMAT.size + 5)
        opened.write(b"\0\0\0\0")
    assert add_up(tmp_path) == {("x",): [2, 0, 0, 0]}
    file.close()


def test_what_another_version_counted_by_other_bounds_is_left_out(tried, tmp_path):
    tried.add_value(2, "x")
    file = CountsFile(tmp_path)
    file.keep({})
    file.close()
    tried.clear()
    tried.bounds = (1, 2, 3)
    file = CountsFile(tmp_path)
    assert tried.read() == {}
    file.close()


def test_a_file_of_anything_else_counts_nothing(tried, tmp_path):
    (tmp_path / "000").write_bytes(os.urandom(2_000))
    assert add_up(tmp_path) == {}
    file = CountsFile(tmp_path)
    tried.add_value(0, "x")
    file.keep({})
    assert add_up(tmp_path) == {("x",): [1, 0, 0, 0]}
    file.close()


def test_a_disk_that_is_full_when_it_begins_is_said_and_leaves_no_lock(
    tried, tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space"):
        CountsFile(tmp_path)
    monkeypatch.undo()
    file = CountsFile(tmp_path)
    assert file.path.name == "000"
    file.close()


def test_where_nothing_can_be_written_this_process_is_told_of_and_the_log_says_so_once(
    tried, tmp_path, settings, caplog
):
    settings.PPIMS_DATA_DIR = tmp_path
    kept_counts._report.cache_clear()
    (tmp_path / "metrics").write_text("in the way")
    keeper = worker_counts.Keeper()
    tried.add_value(0, "x")
    assert [keeper.keep() for _ in range(3)] == [False] * 3
    (worker,) = worker_counts.read_all()
    assert worker.counted == {NAME: {("x",): [1, 0, 0, 0]}}
    assert len([r for r in caplog.records if "not kept" in r.getMessage()]) == 1


def test_a_killed_process_loses_nothing_that_it_has_kept(tmp_path):
    started = [start_counting(tmp_path) for _ in range(2)]
    files = [{count_one(process, "ENT") for _ in range(3)} for process in started]
    assert read_calls(tmp_path) == ([3, 3], 2)
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    assert read_calls(tmp_path) == ([3, 3], 1)
    after = start_counting(tmp_path)
    assert {count_one(after, "ENT")} == files[0]
    assert read_calls(tmp_path) == ([3, 4], 2)
    for process in (started[1], after):
        process.stdin.close()
        process.wait()


def start_counting(folder):
    return subprocess.Popen(
        [sys.executable, "-c", COUNT_LINES, str(folder)],
        cwd=ROOT,
        env=make_variables(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def count_one(process, processor):
    process.stdin.write(f"{processor}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def read_calls(folder):
    """Read how many calls each file has, and how many workers live."""
    workers = read_workers(folder)
    found = [worker.counted["ppims_calls_total"][("status", "000", "ENT")] for worker in workers]
    return sorted(number for (number,) in found), sum(bool(worker.pid) for worker in workers)

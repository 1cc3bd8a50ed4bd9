"""One second's worth of requests at once, and then as they come: docs/api.md, "Who may call"."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ppims.core.errors import TooManyRequests
from ppims.services import rates
from ppims.services.rates import LOOKS_A_SECOND, SECOND_NS, SLOT_FORMAT, Rates

NUMBER, OTHER_NUMBER = 7, 8
ALL_AT_ONCE = """
import sys, time
from pathlib import Path
from ppims.core.errors import TooManyRequests
from ppims.services.rates import Rates

rates, passed = Rates(Path(sys.argv[1])), 0
print(flush=True)
sys.stdin.readline()
began = time.monotonic_ns()
for _ in range(int(sys.argv[2])):
    try:
        rates.take(7, int(sys.argv[3]))
        passed += 1
    except TooManyRequests:
        pass
print(passed, began, time.monotonic_ns())
"""


@pytest.fixture
def now():
    return [50 * SECOND_NS]


@pytest.fixture
def buckets(now, tmp_path):
    return Rates(tmp_path / "rates", lambda: now[0])


def take(buckets, times, per_second, processor=NUMBER):
    """Take so many times: how many passed."""
    passed = 0
    for _ in range(times):
        try:
            buckets.take(processor, per_second)
        except TooManyRequests:
            continue
        passed += 1
    return passed


@pytest.mark.parametrize("per_second", [1, 3, 7, 399, 400, 1000, 99_999])
def test_a_seconds_worth_passes_at_once_and_not_one_more(buckets, per_second):
    assert take(buckets, per_second + 5, per_second) == per_second


def test_then_one_passes_when_its_part_of_a_second_is_over_and_not_a_moment_before(buckets, now):
    take(buckets, 4, 4)
    now[0] += SECOND_NS // 4 - 1
    assert take(buckets, 1, 4) == 0
    now[0] += 1
    assert take(buckets, 2, 4) == 1
    now[0] += SECOND_NS
    assert take(buckets, 9, 4) == 4
    now[0] += 100 * SECOND_NS
    assert take(buckets, 9, 4) == 4  # it holds no more


@pytest.mark.parametrize(("per_second", "seconds"), [(1, 1), (100_000, 1)])
def test_who_is_refused_is_told_whole_seconds(buckets, per_second, seconds):
    take(buckets, per_second, per_second)
    with pytest.raises(TooManyRequests) as refused:
        buckets.take(NUMBER, per_second)
    assert refused.value.retry_after_seconds == seconds
    assert refused.value.why == "rate"


def test_of_a_high_rate_a_process_takes_a_part_and_keeps_it_until_it_is_used(buckets, now):
    twin, per_second = Rates(buckets._path, lambda: now[0]), 10 * LOOKS_A_SECOND
    assert take(buckets, 1, per_second) == 1  # of ten
    assert take(twin, 3_000, per_second) == per_second - 10
    assert take(buckets, 3_000, per_second) == 9
    now[0] += 5 * SECOND_NS
    assert take(buckets, 1, per_second) == 1
    now[0] += 5 * SECOND_NS
    assert take(buckets, 3_000, per_second) == 9 + per_second


def test_many_processes_do_not_use_up_a_rate_that_nobody_calls_at(buckets, now):
    per_second = 10 * LOOKS_A_SECOND
    processes = [Rates(buckets._path, lambda: now[0]) for _ in range(8)]
    for number in range(2 * per_second):
        assert take(processes[number % 8], 1, per_second) == 1
        now[0] += SECOND_NS // (per_second - 1)


def test_of_another_processor_nothing_is_taken(buckets):
    take(buckets, 9, 2)
    assert take(buckets, 9, 2, processor=OTHER_NUMBER) == 2
    assert take(buckets, 9, 2, processor=NUMBER - 1) == 2


def test_two_objects_of_one_file_have_one_bucket(buckets, now):
    twin = Rates(buckets._path, lambda: now[0])
    assert take(buckets, 3, 5) + take(twin, 9, 5) == 5


def test_only_its_owner_reads_the_file(buckets):
    take(buckets, 1, 1)
    assert stat.S_IMODE(buckets._path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "kept", [2**64 - 1, 51 * SECOND_NS + 1, 10**6 * SECOND_NS, 0, 49 * SECOND_NS]
)
def test_what_can_not_be_keeps_nobody_out(buckets, kept):
    """Such as an instant of before the machine was started anew, when its clock was further on."""
    buckets._path.write_bytes(bytes(SLOT_FORMAT.size * NUMBER) + SLOT_FORMAT.pack(kept))
    assert take(buckets, 9, 4) == 4


def test_an_instant_that_can_be_keeps_out_for_a_second_at_most(buckets, now):
    buckets._path.write_bytes(bytes(SLOT_FORMAT.size * NUMBER) + SLOT_FORMAT.pack(51 * SECOND_NS))
    assert take(buckets, 9, 1) == 0
    now[0] += SECOND_NS
    assert take(buckets, 9, 1) == 1


def test_half_a_slot_is_none(buckets):
    buckets._path.write_bytes(bytes(SLOT_FORMAT.size * NUMBER) + b"\xff\xff\xff")
    assert take(buckets, 9, 4) == 4


def test_where_the_file_can_not_be_used_all_pass_and_it_is_said_once(tmp_path, caplog):
    rates._report.cache_clear()
    buckets = Rates(tmp_path / "not there" / "rates")
    assert take(buckets, 9, 4) == 9
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert str(tmp_path) not in caplog.text


def start_worker(path, times, per_second):
    root = Path(rates.__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", ALL_AT_ONCE, path, str(times), str(per_second)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "DJANGO_SETTINGS_MODULE": "ppims.settings"},
    )


def test_two_processes_let_pass_what_one_would(tmp_path):
    path, per_second = tmp_path / "rates", 200
    workers = [start_worker(path, 5_000, per_second) for _ in range(2)]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    said = [list(map(int, worker.communicate()[0].split())) for worker in workers]
    passed, took_ns = sum(row[0] for row in said), max(r[2] for r in said) - min(r[1] for r in said)
    assert per_second <= passed <= per_second + 1 + took_ns * per_second // SECOND_NS


def test_one_that_is_killed_at_it_keeps_nobody_out(tmp_path):
    path = tmp_path / "rates"
    worker = start_worker(path, 10**9, 1)
    worker.stdin.write("\n")
    worker.stdin.flush()
    while not path.exists() or not path.stat().st_size:
        os.sched_yield()
    worker.kill()
    worker.communicate()
    later_ns = time.monotonic_ns() + SECOND_NS
    assert take(Rates(path, lambda: later_ns), 9, 1) == 1

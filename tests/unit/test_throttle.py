"""Failures are counted for a while, under digests, and no flood of names makes one forgotten."""

import tracemalloc

import pytest

from ppims.core import throttle as throttling
from ppims.core.addresses import name_source
from ppims.core.errors import TooManyAttempts
from ppims.core.throttle import Throttle

SOURCE_HERE, NAME = "192.0.2.1", "PPIM_ENT"


@pytest.fixture
def seconds():
    return [1000.0]


@pytest.fixture
def throttle(seconds):
    return Throttle(lambda: seconds[0])


def fail(throttle, times=1, source=SOURCE_HERE, username=NAME):
    for _ in range(times):
        throttle.count_failure(source, username)


def is_refused(throttle, source=SOURCE_HERE, username=NAME):
    try:
        throttle.refuse_if_over(source, username)
    except TooManyAttempts:
        return True
    return False


def fail_many_times(throttle, failures):
    """Fail by so many new usernames, from as many addresses as it takes to go on."""
    for number in range(failures):
        fail(throttle, source=f"10.{number // 300}", username=f"made up {number}")


def test_long_usernames_leave_nothing_of_their_length(throttle):
    tracemalloc.start()
    try:
        for number in range(600):
            fail(throttle, username=f"{number:064000}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 500_000
    assert {len(counter) for counter in throttle._windows} == {16}


def test_no_two_processes_count_under_the_same_digests(throttle):
    other = Throttle()
    for each in (throttle, other):
        fail(each)
    assert not throttle._windows.keys() & other._windows.keys()


def test_a_source_and_a_username_are_not_taken_for_others_that_read_alike(throttle, settings):
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 1
    fail(throttle, source="ab", username="c")
    assert is_refused(throttle, "ab", "c")
    assert not is_refused(throttle, "a", "bc")


def test_what_has_passed_is_dropped_with_the_next_failure(throttle, seconds):
    fail_many_times(throttle, 1000)
    seconds[0] += 299
    fail(throttle)
    assert len(throttle._windows) > 1000
    seconds[0] += 1
    fail(throttle)
    assert len(throttle._windows) == 2
    seconds[0] += 299
    fail(throttle)
    assert [count for _, count in throttle._windows.values()] == [1, 1]


def test_it_is_bounded_and_a_flood_of_new_usernames_resets_no_others_count(throttle):
    fail(throttle, 59)
    fail(throttle, 2, source="192.0.2.2")
    fail_many_times(throttle, 2 * throttling.KEPT_COUNTERS)
    assert len(throttle._windows) <= throttling.KEPT_COUNTERS
    assert not is_refused(throttle)
    fail(throttle)
    assert is_refused(throttle)
    fail(throttle, 58, source="192.0.2.2")
    assert is_refused(throttle, "192.0.2.2")


def test_the_flooders_own_address_is_not_forgotten_either(throttle):
    fail_many_times(throttle, 300)
    flood_of_others = 2 * throttling.KEPT_COUNTERS
    for number in range(flood_of_others):
        fail(throttle, source=f"others {number}", username=f"{number}")
    assert is_refused(throttle, "10.0", "yet another")


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_of_ipv6_a_64_counts_as_one_source(address, source):
    assert name_source(address) == source

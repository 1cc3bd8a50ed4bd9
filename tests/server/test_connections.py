"""However many connections are opened and left alone, others are served: a source has its share,
and the one that has been silent for longest gives way, not the newest.
"""

import ipaddress
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppims.server import gunicorn_worker
from ppims.server.connections import Connections
from tests.server.fake_network import GET, run

pytestmark = pytest.mark.only_on("sqlite", "no database is asked")

HALF_REQUEST, SLOW_REQUEST = GET[:10], b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
ATTACKER_ADDRESS, OTHER_ADDRESS, THIRD_ADDRESS = "203.0.113.9", "198.51.100.7", "192.0.2.1"


def are_open(connections):
    return [each.is_open for each in connections]


def test_half_open_ones_from_one_address_shut_nobody_out():
    async def test(worker):
        before = [worker.connect(OTHER_ADDRESS) for _ in range(10)]
        held = [worker.connect(ATTACKER_ADDRESS) for _ in range(2600)]
        for each in held:
            if each.is_open:
                each.send(HALF_REQUEST)
        after = [worker.connect(THIRD_ADDRESS) for _ in range(10)]
        for each in before + after:
            each.send(GET % 1)
        await worker.wait_until(lambda: len(worker.told) == 20)
        assert {each for each, _ in worker.told} == {*before, *after}
        assert are_open(held) == [False] * 2350 + [True] * 250

    run(test, most=1000, of_a_source=250)


def test_half_open_ones_from_many_addresses_give_way_to_whoever_comes():
    async def test(worker):
        held = [worker.connect(f"203.0.113.{number}") for number in range(200)]
        for each in held:
            if each.is_open:
                each.send(HALF_REQUEST)
        for number in range(50):
            came = worker.connect(OTHER_ADDRESS)
            came.send(GET % number)
            await worker.wait_until(lambda came=came: worker.count(came) == 1)
        assert sum(are_open(held)) == 100 - 50

    run(test, most=100, of_a_source=60)


def test_the_one_that_has_sent_nothing_for_longest_gives_way():
    async def test(worker):
        first, second, third = (worker.connect(OTHER_ADDRESS) for _ in range(3))
        first.send(HALF_REQUEST)
        worker.connect(THIRD_ADDRESS)
        assert are_open([first, second, third]) == [True, False, True]
        third.send(GET % 1)
        await worker.wait_until(lambda: worker.count(third) == 1)
        worker.connect(THIRD_ADDRESS)
        assert are_open([first, second, third]) == [False, False, True]

    run(test, most=3)


@pytest.mark.parametrize(
    "slow", [SLOW_REQUEST, b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nb"]
)
def test_who_is_being_answered_does_not_give_way(slow):
    async def test(worker):
        waiting = [worker.connect(OTHER_ADDRESS) for _ in range(3)]
        for each in waiting:
            each.send(slow)
        refused = worker.connect(THIRD_ADDRESS)
        assert not refused.is_open
        worker.finish.set()
        await worker.wait_until(lambda: len(worker.told) == 3)
        assert are_open(waiting) == [True] * 3
        assert worker.connect(
            THIRD_ADDRESS
        ).is_open  # they have been answered, and are silent since
        assert are_open(waiting) == [False, True, True]

    run(test, most=3)


def test_half_a_body_does_not_count_as_being_answered():
    async def test(worker):
        half = worker.connect(OTHER_ADDRESS)
        half.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nb")
        worker.connect(OTHER_ADDRESS).send(SLOW_REQUEST)
        worker.connect(THIRD_ADDRESS)
        assert not half.is_open

    run(test, most=2)


def test_who_does_not_take_its_answer_gives_way_until_it_does():
    async def test(worker):
        first, second = worker.connect(OTHER_ADDRESS), worker.connect(OTHER_ADDRESS)
        for each in (first, second):
            each.send(SLOW_REQUEST)
            each.protocol.pause_writing()
        second.protocol.resume_writing()
        assert worker.connect(THIRD_ADDRESS).is_open
        assert are_open([first, second]) == [False, True]

    run(test, most=2)


def test_who_has_taken_its_answer_is_silent_from_then_on():
    async def test(worker):
        first = worker.connect(OTHER_ADDRESS)
        first.send(GET % 1)
        await worker.wait_until(lambda: first.protocol._awaiting_request and worker.told)
        first.protocol.pause_writing()
        first.protocol.resume_writing()
        assert worker.connect(THIRD_ADDRESS).is_open
        assert not first.is_open

    run(test, most=1)


def test_who_is_answered_by_turns_is_neither_silent_nor_forgotten():
    async def test(worker):
        pipeline = worker.connect(OTHER_ADDRESS)
        pipeline.send(GET % 1 * 50)
        await worker.wait_until(lambda: worker.count(pipeline) > 10)
        assert not worker.connect(THIRD_ADDRESS).is_open
        await worker.wait_until(lambda: worker.count(pipeline) == 50)
        pipeline.close()
        await worker.wait_until(lambda: worker.nr_conns == 0)
        assert worker.connect(THIRD_ADDRESS).is_open

    run(test, most=1)


@pytest.mark.parametrize(
    ("addresses", "are_one"),
    [
        (["2001:db8:0:7::1", "2001:db8:0:7:ffff::2"], True),
        (["2001:db8:0:7::1", "2001:db8:0:8::1"], False),
        (["198.51.100.7", "::ffff:198.51.100.7"], True),
        (["198.51.100.7", "198.51.100.8"], False),
    ],
)
def test_of_ipv6_a_64_has_one_share(addresses, are_one):
    async def test(worker):
        one, another = (worker.connect(each) for each in addresses)
        assert are_open([one, another]) == [not are_one, True]

    run(test, of_a_source=1)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_trusted_proxy_has_no_share(settings, address):
    settings.PPIMS_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]

    async def test(worker):
        proxies = [worker.connect(address) for _ in range(20)]
        others = [worker.connect(OTHER_ADDRESS) for _ in range(20)]
        assert all(are_open(proxies))
        assert are_open(others) == [False] * 15 + [True] * 5

    run(test, of_a_source=5)


sources = st.sampled_from(["a", "b", "c", ""])
events = st.sampled_from(["answer", "wait_for", "remove"])


@given(st.lists(sources | st.tuples(events, st.integers(0, 40)), max_size=60))
def test_there_are_never_more_than_there_may_be(steps):
    ours, held, busy = Connections(6, 3), {}, set()
    for number, step in enumerate(steps):
        if isinstance(step, str):
            held[number] = step
            leaving = ours.admit(number, step)
            if leaving is not None:
                assert leaving not in busy
                del held[leaving]
        elif step[1] in held:
            event, which = step
            getattr(ours, event)(which)
            busy = busy | {which} if event == "answer" else busy - {which}
            if event == "remove":
                del held[which]
        assert len(held) <= 6
        assert all(list(held.values()).count(source) <= 3 for source in "abc")
        assert dict(ours._sources) == held


@pytest.mark.parametrize(
    ("limits", "most", "soft"),
    [
        ((1024, 4096), 1000, 1100),  # it raises its own limit
        ((2000, 4096), 1000, 2000),
        ((256, 256), 156, 256),  # it has fewer, and files for them
        ((256, 700), 600, 700),
        ((50, 50), 1, 50),
        ((256, resource.RLIM_INFINITY), 1000, 1100),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 1000, resource.RLIM_INFINITY),
    ],
)
def test_there_are_files_for_as_many_connections_as_it_may_have(monkeypatch, limits, most, soft):
    had = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, changed: had.append(changed))
    assert gunicorn_worker.make_room_for_files(1000, beside=100) == most
    assert had[-1] == (soft, limits[1])

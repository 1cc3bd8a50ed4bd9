"""One at a time, of each source in turn, and so many wait at most."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ppims.core.errors import Unavailable
from ppims.core.turnstile import HELD_ON_A_LOOP, Turnstile

HOSTILE_REQUESTS = 400
PATIENCE_SECONDS = 20


@pytest.fixture
def turnstile():
    return Turnstile("tests")


def ask(turnstile, source, times=1, most=HELD_ON_A_LOOP):
    """Ask so often: the tickets of those who wait, and how many were refused at once."""
    tickets, refused = [], 0
    for _ in range(times):
        try:
            tickets.append(turnstile.ask(source, held_at_most=most))
        except Unavailable:
            refused += 1
    return tickets, refused


def count_turns_before(turnstile, ticket):
    """Count how often somebody else has left before this one is let in."""
    turns = 0
    while not ticket.done():
        turnstile.leave()
        turns += 1
    assert ticket.exception() is None
    return turns


def test_of_400_who_wait_at_one_address_one_comes_before_somebody_elses_first(turnstile):
    waiting, refused = ask(turnstile, "203.0.113.9", HOSTILE_REQUESTS)
    assert (len(waiting), refused) == (HELD_ON_A_LOOP, HOSTILE_REQUESTS - HELD_ON_A_LOOP)
    [mine], _ = ask(turnstile, "192.0.2.1")
    # The one who is inside; and the one whose turn came before anybody else had asked.
    assert count_turns_before(turnstile, mine) <= 2
    [last] = [each for each in waiting if each.done() and each.exception()]
    assert last is waiting[-1]
    with pytest.raises(Unavailable):
        last.result()


def test_of_400_at_twenty_addresses_each_has_its_turn_once(turnstile):
    for number in range(20):
        ask(turnstile, f"203.0.113.{number}", HOSTILE_REQUESTS // 20)
    [mine], _ = ask(turnstile, "192.0.2.1")
    assert count_turns_before(turnstile, mine) <= 21


def test_who_asks_again_waits_behind_those_who_ask_once(turnstile):
    ask(turnstile, "a")
    (second, third), _ = ask(turnstile, "a", 2)
    [other], _ = ask(turnstile, "b")
    turnstile.leave()
    assert (second.done(), other.done(), third.done()) == (True, False, False)
    turnstile.leave()
    assert (other.done(), third.done()) == (True, False)
    turnstile.leave()
    assert third.done()


def test_where_all_have_the_same_share_a_newcomer_is_refused_at_once(turnstile):
    for number in range(HELD_ON_A_LOOP):
        assert ask(turnstile, str(number))[1] == 0
    assert ask(turnstile, "one more") == ([], 1)
    turnstile.leave()
    assert ask(turnstile, "one more")[1] == 0


def test_once_nobody_waits_the_next_is_let_in_at_once(turnstile):
    ask(turnstile, "a", 2)
    turnstile.leave()
    turnstile.leave()
    [ticket], _ = ask(turnstile, "b")
    assert ticket.done()


# On an event loop.


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE_SECONDS))


def test_on_a_loop_one_work_runs_at_a_time_and_the_loop_goes_on(turnstile):
    most, now, lock = [], [], threading.Lock()

    def work():
        with lock:
            now.append(1)
            most.append(len(now))
        with lock:
            now.pop()
        return threading.current_thread().name

    async def run_all():
        return await asyncio.gather(*[turnstile.run(str(n % 5), work) for n in range(30)])

    assert set(run(run_all())) == {"tests_0"}
    assert most == [1] * 30


def test_who_hangs_up_leaves_its_place_and_never_the_turn_to_nobody(turnstile):
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def hold_first():
        begun.set()
        go_on.wait(PATIENCE_SECONDS)

    async def hang_up():
        inside = asyncio.create_task(turnstile.run("a", hold_first))
        await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
        waiting = asyncio.create_task(turnstile.run("a", lambda: ran.append("waiting")))
        await asyncio.sleep(0)
        for task in (waiting, inside):
            task.cancel()
        await asyncio.gather(waiting, inside, return_exceptions=True)
        other = asyncio.create_task(turnstile.run("b", lambda: ran.append("other")))
        await asyncio.sleep(0)
        assert ran == []  # the one inside hung up, but its work goes on
        go_on.set()
        await other

    run(hang_up())
    assert ran == ["other"]


def test_a_work_that_fails_leaves_too(turnstile):
    def fail():
        raise ValueError

    async def run_twice():
        with pytest.raises(ValueError):  # noqa: PT011 - its own
            await turnstile.run("a", fail)
        return await turnstile.run("a", lambda: "in")

    assert run(run_twice()) == "in"


# In threads.


@pytest.mark.parametrize(("threads", "held"), [(4, 3), (8, 7), (2, 2)])
def test_of_a_servers_threads_one_is_never_held(turnstile, settings, threads, held):
    settings.PPIMS_THREADS = threads
    begun, go_on = threading.Event(), threading.Event()

    def enter():
        with turnstile.hold_turn("a"):
            begun.set()
            go_on.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(threads) as pool:
        entered = [pool.submit(enter) for _ in range(held)]
        assert begun.wait(PATIENCE_SECONDS)
        while turnstile._count_places("a") < held:
            begun.wait(0.001)
        with pytest.raises(Unavailable), turnstile.hold_turn("a"):
            pass
        go_on.set()
        for each in entered:
            each.result(PATIENCE_SECONDS)
    assert turnstile._inside is None

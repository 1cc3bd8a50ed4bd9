"""Who sends requests ahead of their answers has them answered in turn with everybody else's."""

import asyncio
import signal

import pytest

from ppims.server.gunicorn_worker import CHUNKS_AT_MOST, HEADERS_BYTES, PIPELINED_BYTES
from tests.server.fake_network import GET, run
from tests.server.running_server import PATIENCE_SECONDS

pytestmark = pytest.mark.only_on("sqlite", "no database is asked")

MANY_REQUESTS = b"".join(GET % number for number in range(2000))


def test_others_wait_for_one_answer_of_each_pipeline():
    async def test(worker):
        pipelines = [worker.connect() for _ in range(4)]
        for each in pipelines:
            each.send(MANY_REQUESTS)
        other = worker.connect("198.51.100.7")
        other.send(GET % 1)
        await worker.wait_until(lambda: worker.count(other))
        answers_before = len(worker.told) - 1
        assert answers_before <= 2 * len(pipelines)
        await worker.wait_until(lambda: len(worker.told) == 1 + 4 * 2000)

    run(test)


def test_two_pipelines_are_answered_by_turns():
    async def test(worker):
        one, another = worker.connect(), worker.connect()
        one.send(MANY_REQUESTS)
        another.send(MANY_REQUESTS)
        await worker.wait_until(lambda: len(worker.told) > 1000)
        assert {each for each, _ in worker.told[:1000:2]} == {one}
        assert {each for each, _ in worker.told[1:1000:2]} == {another}

    run(test)


def test_only_so_much_is_read_ahead():
    async def test(worker):
        connection = worker.connect()
        sent, packet = 0, (GET % 1) * 100
        while connection.is_read:
            connection.send(packet)
            sent += len(packet)
        assert sent <= PIPELINED_BYTES + 2 * len(packet)
        await worker.wait_until(lambda: connection.is_read)
        assert worker.count(connection) > 0
        await worker.wait_until(lambda: worker.count(connection) == sent / len(GET % 1))

    run(test)


def test_a_request_larger_than_what_is_read_ahead_is_read_on():
    """Its head came with the request before it, and most of it is still to come."""

    async def test(worker):
        connection = worker.connect()
        size = 3 * PIPELINED_BYTES
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
        rest = head + b"a" * size
        ahead = PIPELINED_BYTES + len(head)
        connection.send(GET % 1 + rest[:ahead])
        await worker.wait_until(lambda: worker.count(connection) == 1 and connection.is_read)
        connection.send(rest[ahead:])
        await worker.wait_until(lambda: worker.count(connection) == 2)

    run(test)


def test_who_waits_for_each_answer_has_it_in_the_turn_it_asks():
    """The turns that pipelines wait cost nothing to those who send one request at a time."""

    async def test(worker):
        connection = worker.connect()
        await worker.wait_until(lambda: connection.protocol._awaiting_request)
        for number in range(5):
            connection.send(GET % number)
            turns = 0
            while worker.count(connection) == number:
                turns += 1
                await asyncio.sleep(0)
            assert turns == 1

    run(test)


# What else would hold up all others, while one request is read.


def test_headers_that_nothing_could_be_are_refused_at_once():
    """A pattern that tries every way to read these lines would not come to an end."""

    def give_up(*_):
        raise TimeoutError

    async def test(worker):
        connection = worker.connect()
        blanks = b"".join(b"X:" + b" " * 75 + b"\r\n" for _ in range(90))
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(PATIENCE_SECONDS)
        connection.send((GET % 1)[:-2] + blanks + b"X: \x01\r\n\r\n")
        signal.alarm(0)
        assert worker.told == [(connection, 400)]

    run(test)


FIELDS = {
    "as many as may be": (b"X: " + b"a" * 500 + b"\r\n") * (HEADERS_BYTES // 505 - 1),
    "too many": (b"X: " + b"a" * 500 + b"\r\n") * (HEADERS_BYTES // 505 + 1),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("cut", [0, 1000, 6000, HEADERS_BYTES - 3000])
def test_so_many_headers_are_read_and_no_more(name, cut):
    """In one piece or in two, the second of which brings a body as well."""

    async def test(worker):
        connection = worker.connect()
        body = b"\r\n\r\n" + b"a" * 2 * HEADERS_BYTES
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(body) + FIELDS[name]
        whole = raw + b"\r\n" + body
        for piece in (whole[:cut], whole[cut:]):
            if connection.is_open and piece:
                connection.send(piece)
        await worker.wait_until(lambda: worker.told)
        assert worker.told == [(connection, 431 if name == "too many" else 200)]

    run(test)


@pytest.mark.parametrize(("chunks", "status"), [(CHUNKS_AT_MOST, 200), (CHUNKS_AT_MOST + 1, 400)])
def test_so_many_chunks_are_read_and_no_more(chunks, status):
    async def test(worker):
        connection = worker.connect()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for _ in range(2 if status == 200 else 1):  # each request begins anew
            connection.send(head + b"1\r\na\r\n" * chunks + b"0\r\n\r\n")
        await worker.wait_until(lambda: len(worker.told) == (2 if status == 200 else 1))
        assert {each for _, each in worker.told} == {status}

    run(test)

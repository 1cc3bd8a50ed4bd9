"""What the bench measures with: the relay that makes a way longer, and what /proc says."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest

from tests.bench import __main__ as bench
from tests.bench.installation import ROOT
from tests.bench.processes import (
    Memory,
    find_listeners,
    read_cpu_seconds,
    read_tree_cpu_seconds,
    sum_resident_mib,
)
from tests.bench.relay import run_relay
from tests.ports import find_free_port
from tests.processes import list_processes

pytestmark = pytest.mark.only_on("sqlite", "it touches no database")
PATIENCE_SECONDS = 30


@contextmanager
def open_echo(folder, round_trip_ms):
    """Connect through a relay to a server that sends everything back, until "end" comes."""
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=echo, args=(listener,), daemon=True)
        thread.start()
        with run_relay(str(path), round_trip_ms=round_trip_ms) as relay:
            where = ("127.0.0.1", relay.port)
            with closing(socket.create_connection(where, PATIENCE_SECONDS)) as connection:
                yield connection, relay
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def echo(listener):
    connection, _ = listener.accept()
    with closing(connection), suppress(OSError):
        while (data := connection.recv(1 << 16)) not in {b"", b"end"}:
            connection.sendall(data)


def receive(connection, size):
    found = b""
    while len(found) < size and (data := connection.recv(1 << 16)):
        found += data
    return found


def test_what_goes_through_the_relay_comes_later_each_way(tmp_path):
    with open_echo(tmp_path, round_trip_ms=40) as (connection, relay):
        began = time.monotonic()
        connection.sendall(b"ping")
        assert receive(connection, 4) == b"ping"
        assert time.monotonic() - began > 0.038
    assert relay.each_way_ms > 19


def test_what_is_sent_ahead_of_its_answers_waits_once(tmp_path):
    with open_echo(tmp_path, round_trip_ms=500) as (connection, _):
        began = time.monotonic()
        for number in range(20):
            connection.sendall(f"{number:04d}".encode())
            time.sleep(0.01)  # each a packet of its own
        assert receive(connection, 80) == b"".join(f"{n:04d}".encode() for n in range(20))
        assert time.monotonic() - began < 20 * 0.5


def test_the_relay_loses_nothing_of_what_one_side_cannot_take_yet(tmp_path):
    sent = bytes(range(256)) * 40_000
    with open_echo(tmp_path, round_trip_ms=1) as (connection, _):
        sender = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
        sender.start()
        time.sleep(0.2)  # nobody takes what comes back
        assert receive(connection, len(sent)) == sent
        sender.join(PATIENCE_SECONDS)


def test_a_connection_that_one_side_closes_is_closed_on_the_other(tmp_path):
    with open_echo(tmp_path, round_trip_ms=1) as (connection, _):
        connection.sendall(b"end")
        assert connection.recv(1) == b""


# Processes.

PARENT_PROGRAM = """
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
listener.set_inheritable(True)
work = "sum(i * i for i in range(3_000_000))"
subprocess.run([sys.executable, "-c", work], check=True)
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
print("ready", flush=True)
input()
child.communicate()
"""


@contextmanager
def run_parent(port):
    """Run what listens with a child that holds the socket too, after another that has worked."""
    command = [sys.executable, "-c", PARENT_PROGRAM, str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.communicate(b"\n")


def test_the_cpu_of_a_program_counts_children_that_have_ended():
    with run_parent(find_free_port()) as process:
        living = sum(read_cpu_seconds(pid) for pid in list_processes(process.pid))
        assert read_tree_cpu_seconds(process.pid) > living + 0.05
    assert read_tree_cpu_seconds(process.pid) == 0


def test_who_listens_on_a_port_is_found_without_its_children():
    port = find_free_port()
    assert find_listeners(port) == []
    with run_parent(port) as process:
        assert len(list_processes(process.pid)) == 2
        assert find_listeners(port) == [process.pid]


def test_pages_of_files_count_once_and_anonymous_ones_by_their_share():
    held = [
        Memory(rss=5_000, pss=2_000, anonymous=3_000, pss_anonymous=1_500),
        Memory(rss=9_000, pss=4_000, anonymous=6_000, pss_anonymous=4_644),
    ]
    assert sum_resident_mib(held) == (1_500 + 4_644 + 3_000) / 1024
    assert sum_resident_mib([]) == 0


def test_too_much_is_asked_of_the_mix_whichever_operations_are_measured():
    options = bench._read_options(["--overload", "--operations", "update-customer"])
    assert options.operations == ["update-customer", "mix"]
    assert bench._read_options(["--operations", "update-customer"]).operations == [
        "update-customer"
    ]

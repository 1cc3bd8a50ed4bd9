"""`python3 -m ppims health`: what a server lacks, as it says itself."""

import socket
import threading

import pytest

from ppims import __main__ as start

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
UNREADY = b'HTTP/1.1 503 Busy\r\nContent-Length: 31\r\n\r\n{"missing": ["the clock", "b"]}\n'
NOT_OURS = b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\n<p/>"


def answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(4096).startswith(b"GET /readyz ")
        connection.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (READY, ""),
        (UNREADY, "it lacks the clock, b"),
        (NOT_OURS, "is not PPIMS"),
        (b"SSH-2.0\r\n", "nothing answers at 127.0.0.1:"),
        (b"", "nothing answers at 127.0.0.1:"),
    ],
)
def test_health_says_what_a_server_lacks(
    answer: bytes, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Somebody who listens everywhere is asked at this machine's own address.
        monkeypatch.setenv("PPIMS_BIND", f"0.0.0.0:{listener.getsockname()[1]}")
        server = threading.Thread(target=answer_once, args=(listener, answer))
        server.start()
        if said:
            with pytest.raises(SystemExit, match=said):
                start.ask_health([])
        else:
            start.ask_health([])
        server.join()
    assert capsys.readouterr().out == ("" if said else "ppims: ready\n")


def test_health_says_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("PPIMS_BIND", f"127.0.0.1:{port}")
    with pytest.raises(SystemExit, match="nothing answers"):
        start.ask_health([])

"""Where /metrics is, as settings say it: what is unsafe is refused, without a word of the token."""

import pytest

from ppims import __main__ as start
from ppims.core import binds
from tests.ports import find_free_port
from tests.unit.test_serving import run_with_settings

READ_PORT = "from django.conf import settings; print(settings.PPIMS_METRICS_PORT)"
BIND, TOKEN = "PPIMS_METRICS_BIND", "PPIMS_METRICS_TOKEN"
ENOUGH = "t" * 32


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({BIND: "0.0.0.0:9464", TOKEN: ENOUGH}, "9464"),
        ({BIND: "0.0.0.0:9464"}, "PPIMS_METRICS_TOKEN"),
        ({BIND: "9464"}, "PPIMS_METRICS_BIND is HOST:PORT"),
        ({TOKEN: ENOUGH[1:]}, "at least 32"),
    ],
)
def test_what_anybody_could_read_is_refused(tmp_path, more, said):
    done = run_with_settings(tmp_path, READ_PORT, **more)
    assert said in done.stdout + done.stderr
    assert (done.returncode == 0) == (said == "9464")
    assert ENOUGH[1:] not in done.stdout + done.stderr


def test_gunicorn_listens_there_too(monkeypatch):
    monkeypatch.delenv(BIND, raising=False)
    assert start.make_metrics_options(8000) == []
    address = f"127.0.0.1:{find_free_port()}"
    monkeypatch.setenv(BIND, address)
    assert start.make_metrics_options(8000) == ["--bind", address]


def test_the_servers_own_port_is_refused_for_it(monkeypatch):
    port = find_free_port()
    monkeypatch.setenv(BIND, f"127.0.0.1:{port}")
    with pytest.raises(SystemExit, match=rf"PPIMS_METRICS_BIND=127.0.0.1:{port}: the server is"):
        start.make_metrics_options(port)
    monkeypatch.setenv(BIND, "nowhere")
    with pytest.raises(SystemExit, match="PPIMS_METRICS_BIND is 'nowhere', not HOST:PORT"):
        start.make_metrics_options(port)


@pytest.mark.parametrize("text", ["9464", ":9464", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_an_address_is_a_host_and_a_port(text):
    with pytest.raises(ValueError, match=r".*"):
        binds.split_bind(text)


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:65535", True),
        ("localhost:9464", True),
        ("0.0.0.0:9464", False),
        ("[::]:9464", False),
        ("10.0.0.1:9464", False),
        ("ppims.example.in:9464", False),
    ],
)
def test_only_an_address_of_this_machine_needs_no_token(text, is_ours):
    host, _port = binds.split_bind(text)
    assert binds.is_of_this_machine(host) == is_ours

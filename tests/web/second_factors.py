"""An authenticator app of our own: RFC 6238 by Python's standard library alone."""

import hmac
import re
import struct
import time
from base64 import b32decode
from types import SimpleNamespace

from django.test import Client

from ppims.backoffice import login
from ppims.backoffice import second_factor as pages
from ppims.models import SecondFactor
from ppims.services import second_factor
from tests.web.users import RIGHT_PASSWORD

STEP_SECONDS = 30


def make_code(secret, at=None, *, steps=0):
    """Make the code of an instant, in Unix seconds, or of some steps after it."""
    counter = int(time.time() if at is None else at) // STEP_SECONDS + steps
    mac = hmac.digest(b32decode(secret), struct.pack(">Q", counter), "sha1")
    offset = mac[-1] & 15
    number = struct.unpack(">I", mac[offset : offset + 4])[0] & 0x7FFF_FFFF
    return f"{number % 10**6:06}"


def set_up_factor(user):
    """Set somebody's second factor up, by a code of a step that is past: (secret, recovery
    codes).
    """
    secret = second_factor.draw_secret(user=user, session_key="set-up")
    code = make_code(secret, steps=-1)
    codes = second_factor.confirm(user=user, session_key="set-up", code=code, source="::1")
    assert codes
    return secret, codes


def find_secret(user):
    return SecondFactor.objects.get(user=user).open_secret()


def give_password(user, password=RIGHT_PASSWORD):
    """Log in as far as the password goes."""
    client = Client()
    response = client.post("/log-in", {"username": user.username, "password": password})
    assert response.status_code == 302
    return client


def give_code(client, code, *, to="", **more):
    body = {"second_factor_code": code, "next": to}
    return client.post("/second-factor", body, **more)


def log_in(user, secret, at):
    client = give_password(user)
    assert give_code(client, make_code(secret, at))["Location"] == "/"
    return client


def read_shown_secret(response):
    return re.search(r'id="app-key">([^<]+)<', response.content.decode())[1].replace(" ", "")


def read_shown_codes(response):
    return re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", response.content.decode())


def ask_for_codes(settings, monkeypatch):
    """Let a second factor be asked for, at a time that the test sets: `now`, in Unix seconds."""
    settings.PPIMS_SECOND_FACTOR = True
    told = SimpleNamespace(now=int(time.time()))
    monkeypatch.setattr(second_factor, "time", SimpleNamespace(time=lambda: told.now))
    monkeypatch.setattr(pages, "time", lambda: told.now)
    monkeypatch.setattr(login, "throttle", login.Throttle())
    monkeypatch.setattr(pages, "throttle", login.throttle)
    return told

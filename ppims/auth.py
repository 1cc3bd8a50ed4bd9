"""Which processor is calling: credentials at full price once, throttled, the same answer whatever
is wrong.
"""

import ipaddress
import secrets
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.http import HttpRequest

from ppims import moment
from ppims.errors import NotAuthenticated
from ppims.models import Processor
from ppims.statements import Table
from ppims.throttle import Throttle, source_of

PROCESSORS, BY_USERNAME = Table(Processor), "WHERE username = %s"
PROCESS_KEY = secrets.token_bytes(32)


class Argon2(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends for a server of little memory: 19 MiB, two passes."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


throttle = Throttle()
_verified: dict[int, bytes] = {}
_nobody = Processor(state=Processor.State.DISABLED, password="")


def recognized(username: str, password: str) -> Processor | None:
    """Say which processor this is, where this worker has verified the credential before: it is
    compared by digest, and never throttled.

    The row is read each time (once for those who come together), so a changed or disabled
    credential stops working at once, in every worker.
    """
    processor = _found(username)
    is_open = processor is not None and processor.state != Processor.State.DISABLED
    return processor if processor and is_open and _was_verified(processor, password) else None


def authenticate(username: str, password: str, address: str) -> Processor:
    """Say which processor this is, at full price unless it is recognized by now. Raises
    NotAuthenticated or TooManyAttempts.
    """
    known = recognized(username, password)
    if known:
        return known
    processor = _found(username)
    disabled = processor is None or processor.state == Processor.State.DISABLED
    source = source_of(address)
    throttle.refuse_if_over(source, username)
    # Made on whatever comes first, so that an unknown username never costs a hash more.
    nobodys_password = _nobodys_password()
    right = check_password(password, processor.password if processor else nobodys_password)
    if processor is None or disabled or not right:
        throttle.count_failure(source, username)
        raise NotAuthenticated
    _verified[processor.pk] = _proof(processor, password)
    return processor


def new_password(processor: Processor) -> str:
    """Give the processor a new random password, to be shown once; the caller saves the row."""
    password = secrets.token_urlsafe(24)
    processor.password = make_password(password)
    return password


def source_address(request: HttpRequest) -> str:
    """The peer; behind a trusted proxy, the last untrusted address of X-Forwarded-For."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while forwarded and _is_trusted(address):
        nearest = forwarded.pop().strip()
        if not nearest:
            break
        address = nearest
    return address[:64]


def may_ask(request: HttpRequest) -> bool:
    """Whether whoever asks is where this installation answers: of a demo that isn't open, on this
    machine. A unix socket has no address, and is on this machine.
    """
    if not settings.PPIMS_THIS_MACHINE_ALONE:
        return True
    address = source_address(request)
    return not address or _is_loopback(address)


def forget_everything() -> None:
    """Forget what was verified and counted: a new worker's state, for tests."""
    _verified.clear()
    throttle.forget()


def _found(username: str) -> Processor | None:
    by_username = PROCESSORS.selection(BY_USERNAME)
    rows = moment.every(by_username, (username,)) if username.isprintable() else []
    return _made(rows[0]) if rows else None


@lru_cache(256)
def _made(row: tuple[Any, ...]) -> Processor:
    """Make a processor of its row: once, for as long as the row says the same."""
    return PROCESSORS.made(row)


def _was_verified(processor: Processor, password: str) -> bool:
    return secrets.compare_digest(_verified.get(processor.pk, b""), _proof(processor, password))


def _proof(processor: Processor, password: str) -> bytes:
    proof = blake2b(key=PROCESS_KEY, digest_size=32)
    proof.update(processor.password.encode() + b"\0" + password.encode())
    return proof.digest()


def _nobodys_password() -> str:
    if not _nobody.password:
        new_password(_nobody)
    return _nobody.password


@lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _is_trusted(address: str) -> bool:
    if not settings.PPIMS_TRUSTED_PROXIES:
        return False
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(peer in network for network in settings.PPIMS_TRUSTED_PROXIES)

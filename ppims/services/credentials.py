"""Find which processor is calling. A password is hashed once in a worker, later ones are compared
by digest; failures are throttled; the answer is the same, whatever is wrong.
"""

import secrets
from functools import cache, lru_cache, partial
from typing import Any, TypeGuard

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.http import HttpRequest

from ppims.core import keys
from ppims.core.addresses import is_loopback, is_trusted_proxy, name_source
from ppims.core.errors import NotAuthenticated
from ppims.core.throttle import Throttle
from ppims.core.turnstile import Turnstile
from ppims.db import group_commit, statements
from ppims.db.reads import look_up
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor

PROCESSORS, BY_USERNAME = statements.Table(Processor), "WHERE username = %s"
KEEP_PROOF = "UPDATE ppims_processor SET proof = %s WHERE id = %s AND password = %s"
# What draw_password has changed in a row.
CREDENTIAL_FIELDS = ("password", "proof")
# With the session key, a guess at a proof costs nothing. A password of ours has 32 random
# characters; a shorter one is somebody's own, may be guessed, and gets no proof.
PROVEN_FROM_CHARACTERS = 24


class ProcessorRequest(HttpRequest):
    """A request of the API whose credentials held: `auth` is who calls."""

    auth: Processor


class Argon2(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends for a server of little memory: 19 MiB, two passes."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


throttle = Throttle()
turnstile = Turnstile("passwords")
_verified: dict[int, bytes] = {}


async def recognize(username: str, password: str) -> Processor | None:
    """Find the processor, if this worker has verified the password before, or the row proves that
    another one has. Compares digests, and is never throttled.

    The row is read each time (once for those who come together), so a changed or disabled
    credential stops working at once, in every worker.
    """
    processor = await _find_processor(username)
    return processor if _is_open(processor) and _was_verified(processor, password) else None


async def authenticate(username: str, password: str, address: str) -> Processor:
    """Find the processor, and hash the password for it unless it is recognized by now. One
    password is hashed at a time, of each source in turn.

    Raises NotAuthenticated, TooManyAttempts; or Unavailable where too many wait already.
    """
    if known := await recognize(username, password):
        return known
    source = name_source(address)
    throttle.refuse_if_over(source, username)
    processor = await _find_processor(username)
    verify = partial(_verify, processor, username, password, source)
    if not await turnstile.run(source, verify):
        raise NotAuthenticated
    assert processor is not None
    proof = _verified[processor.pk] = _make_proof(processor, password)
    if len(password) >= PROVEN_FROM_CHARACTERS:
        group_commit.run_later(partial(_keep_proof, processor, proof))
    # By the row as it is now: the credential may have changed while this one waited for its turn.
    known = await recognize(username, password)
    if known is None:
        raise NotAuthenticated
    return known


def draw_password(processor: Processor) -> str:
    """Set a new random password and return it, to be shown once. The caller saves
    CREDENTIAL_FIELDS.
    """
    password = secrets.token_urlsafe(24)
    processor.password, processor.proof = make_password(password), None
    return password


def find_source_address(request: HttpRequest) -> str:
    """Return the peer's address; behind a trusted proxy, the last untrusted one of
    X-Forwarded-For.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while forwarded and is_trusted_proxy(address):
        nearest = forwarded.pop().strip()
        if not nearest:
            break
        address = nearest
    return address[:64]


def may_ask(request: HttpRequest) -> bool:
    """Whether this installation answers whoever asks: a demo that isn't open, on this machine only.

    A unix socket has no address, and is on this machine.
    """
    address = find_source_address(request)
    return not settings.PPIMS_THIS_MACHINE_ALONE or not address or is_loopback(address)


async def _find_processor(username: str) -> Processor | None:
    if not username.isprintable():  # neither database could keep it
        return None
    rows = await look_up(PROCESSORS.write_select(BY_USERNAME), username)
    return _make_processor(rows[0]) if rows else None


@lru_cache(256)
def _make_processor(row: tuple[Any, ...]) -> Processor:
    """Make a processor from its row, once for as long as the row says the same."""
    return PROCESSORS.make_model(row)


def _is_open(processor: Processor | None) -> TypeGuard[Processor]:
    return processor is not None and processor.state != Processor.State.DISABLED


def _verify(processor: Processor | None, username: str, password: str, source: str) -> bool:
    """Hash the password, in the thread `passwords`, and count a failure."""
    throttle.refuse_if_over(source, username)  # others may have failed while this one waited
    # Made whoever comes first: an unknown username must not take longer by making it.
    nobodys_password = _make_nobodys_password()
    is_right = check_password(password, processor.password if processor else nobodys_password)
    if is_right and _is_open(processor):
        return True
    throttle.count_failure(source, username)
    return False


def _was_verified(processor: Processor, password: str) -> bool:
    proof = _make_proof(processor, password)
    kept = processor.proof or b"", _verified.get(processor.pk, b"")
    # Constant time: a guesser learns nothing from how long it takes.
    return any(secrets.compare_digest(proof, each) for each in kept)


def _make_proof(processor: Processor, password: str) -> bytes:
    """Digest what proves that the password was verified against the row's hash.

    Every worker can make it, nobody can without the session key: a thief of the database alone
    pays argon2's price for each guess.
    """
    parts = ("verified credential", processor.password, password)
    return keys.digest(settings.PPIMS_SESSION_KEYS, *parts, size=32)


def _keep_proof(processor: Processor, proof: bytes) -> None:
    """Let other workers, and later ones, recognize the password, unless it has changed since."""
    run_in_transaction(
        lambda: statements.run(KEEP_PROOF, (proof, processor.pk, processor.password)),
        takes_instant=False,
    )


@cache
def _make_nobodys_password() -> str:
    return make_password(secrets.token_urlsafe(24))

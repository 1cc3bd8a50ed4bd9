"""Find which processor is calling. A password is hashed once in a worker, later ones are compared
by digest; failures are throttled; the answer is the same, whatever is wrong.

A processor that changes its password has two for some days. What is asked is compared with two in
any case, so that nobody learns from the time it takes whether there is a second one.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any, TypeGuard

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.http import HttpRequest

from ppims.core import clock, keys
from ppims.core.addresses import is_loopback, is_trusted_proxy, name_source
from ppims.core.errors import NotAuthenticated
from ppims.core.networks import is_inside
from ppims.core.throttle import Throttle
from ppims.core.turnstile import Turnstile
from ppims.db import group_commit, statements
from ppims.db.reads import look_up
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor

PROCESSORS, BY_USERNAME = statements.Table(Processor), "WHERE username = %s"
KEEP_PROOF = "UPDATE ppims_processor SET proof = %s WHERE id = %s AND password = %s"
KEEP_FORMER_PROOF = """
    UPDATE ppims_processor SET former_proof = %s WHERE id = %s AND former_password = %s
"""
# What draw_password and drop_former_password have changed in a row.
FORMER_FIELDS = ("former_password", "former_proof", "former_until")
CREDENTIAL_FIELDS = ("password", "password_at", "proof", *FORMER_FIELDS)
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
# By the processor's key, and whether it was the former password.
_verified: dict[tuple[int, bool], bytes] = {}


async def recognize(
    username: str, password: str, find_address: Callable[[], str]
) -> Processor | None:
    """Find the processor, if this worker has verified the password before, or the row proves that
    another one has, and the request comes from where it may. Compares digests, and is never
    throttled.

    The row is read each time (once for those who come together), so a changed or disabled
    credential stops working at once, in every worker.
    """
    processor = await _find_processor(username)
    if not _is_open(processor) or not _was_verified(processor, password):
        return None
    if processor.networks and not is_inside(find_address(), processor.networks):
        return None  # it goes the slow way of a wrong password
    return processor


async def authenticate(username: str, password: str, address: str) -> Processor:
    """Find the processor, and hash the password for it unless it is recognized by now. One
    password is hashed at a time, of each source in turn.

    Raises NotAuthenticated, TooManyAttempts; or Unavailable where too many wait already.
    """
    if known := await recognize(username, password, lambda: address):
        return known
    source = name_source(address)
    throttle.refuse_if_over(source, username)
    processor = await _find_processor(username)
    verify = partial(_verify, processor, username, password, address)
    right_hash = await turnstile.run(source, verify)
    if not right_hash:
        raise NotAuthenticated
    assert processor is not None
    _keep_verified(processor, password, right_hash)
    # By the row as it is now: the credential may have changed while this one waited for its turn.
    known = await recognize(username, password, lambda: address)
    if known is None:
        raise NotAuthenticated
    return known


def draw_password(
    processor: Processor, *, at: datetime, former_until: datetime | None = None
) -> str:
    """Set a new random password and return it, to be shown once. Until an instant the one before
    it is right too; None: it ends now, and so does any that was before. The caller saves
    CREDENTIAL_FIELDS.
    """
    if former_until:
        processor.former_password, processor.former_proof = processor.password, processor.proof
        processor.former_until = former_until
    else:
        drop_former_password(processor)
    password = secrets.token_urlsafe(24)
    processor.password, processor.proof = make_password(password), None
    processor.password_at = at
    return password


def drop_former_password(processor: Processor) -> None:
    """Let the password before the present one be wrong. The caller saves FORMER_FIELDS."""
    processor.former_password, processor.former_proof, processor.former_until = "", None, None


async def find_system_id(username: str) -> str:
    """Find the System_Id of the processor with a username, whatever its state; "": nobody's."""
    processor = await _find_processor(username)
    return processor.system_id if processor else ""


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


def _verify(processor: Processor | None, username: str, password: str, address: str) -> str:
    """Hash the password, in the thread `passwords`: of which hash of the processor's it is right;
    "": of none, which counts as a failure. Raises NotAuthenticated, which says why, where it is
    right and comes from elsewhere than it may: to the caller that is a wrong one.
    """
    source, why = name_source(address), ""
    throttle.refuse_if_over(source, username)  # others may have failed while this one waited
    # Made whoever comes first: an unknown username must not take longer by making it.
    nobodys_password = _make_nobodys_password()
    # Whoever is refused has cost two hashings: none of them learns whether there is a second
    # password, nor that a disabled processor's is right, or would be from elsewhere.
    for each in _list_hashes(processor, clock.now()):
        if check_password(password, each or nobodys_password) and _is_open(processor):
            if not processor.networks or is_inside(address, processor.networks):
                return each
            why = "network"
    throttle.count_failure(source, username)
    if why:
        raise NotAuthenticated(why=why)
    return ""


def _list_hashes(processor: Processor | None, at: datetime) -> tuple[str, str]:
    """List the hash of the password, and of the one before it; "" for one that isn't there, or is
    right no more.
    """
    if processor is None:
        return "", ""
    has_former = processor.has_former_password(at)
    return processor.password, processor.former_password if has_former else ""


def _keep_verified(processor: Processor, password: str, of_hash: str) -> None:
    """Let this worker recognize the password from now on; and, where it can't be guessed, others
    too.
    """
    is_former = of_hash != processor.password
    key = settings.PPIMS_SESSION_KEYS[0]
    proof = _verified[processor.pk, is_former] = _make_proof(key, of_hash, password)
    if len(password) >= PROVEN_FROM_CHARACTERS:
        sql = KEEP_FORMER_PROOF if is_former else KEEP_PROOF
        group_commit.run_later(partial(_keep_proof, sql, (proof, processor.pk, of_hash)))


def _was_verified(processor: Processor, password: str) -> bool:
    # A proof is bound to its hash: so it is no matter where it was kept while it was the newer one.
    kept = (
        processor.proof or b"",
        processor.former_proof or b"",
        _verified.get((processor.pk, False), b""),
        _verified.get((processor.pk, True), b""),
    )
    # By any key of the ring: while the session key changes, workers prove by the old or the new.
    hashes, ring = _list_hashes(processor, clock.now()), settings.PPIMS_SESSION_KEYS
    proofs = [_make_proof(key, each, password) for key in ring for each in hashes]
    # Constant time: a guesser learns nothing from how long it takes.
    return any(secrets.compare_digest(proof, each) for proof in proofs for each in kept)


def _make_proof(key: keys.Key, of_hash: str, password: str) -> bytes:
    """Digest what proves that the password was verified against a hash.

    Every worker can make it, nobody can without the session key: a thief of the database alone
    pays argon2's price for each guess.
    """
    digest = _begin_proof(key, of_hash).copy()
    digest.update(keys.frame_text(password))
    return digest.digest()


@lru_cache(512)
def _begin_proof(key: keys.Key, of_hash: str) -> hashlib.blake2b:
    """Begin a proof with what is the same in each request of a processor."""
    return keys.begin_digest((key,), "verified credential", of_hash, size=32)


def _keep_proof(sql: str, values: tuple[bytes, int, str]) -> None:
    """Let other workers, and later ones, recognize the password, unless it has changed since."""
    run_in_transaction(lambda: statements.run(sql, values), takes_instant=False)


@cache
def _make_nobodys_password() -> str:
    return make_password(secrets.token_urlsafe(24))

"""Which processor is calling: credentials at full price once, throttled, the same answer whatever
is wrong.
"""

import secrets
from functools import lru_cache, partial
from typing import Any, TypeGuard

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.http import HttpRequest

from ppims.core import keys
from ppims.core.addresses import is_loopback, is_trusted_proxy, name_source
from ppims.core.errors import NotAuthenticated
from ppims.core.throttle import Throttle
from ppims.core.turnstile import Turnstile
from ppims.db import group_commit, shared_snapshot, statements
from ppims.db.statements import Table
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor

PROCESSORS, BY_USERNAME = Table(Processor), "WHERE username = %s"
KEEP_PROOF = "UPDATE ppims_processor SET proof = %s WHERE id = %s AND password = %s"
# What draw_password has changed in a row.
CREDENTIAL_FIELDS = ("password", "proof")
# A proof costs a guesser who has the session key too nothing to try; ours have 32 random ones.
PROVEN_FROM_CHARACTERS = 24


class Argon2(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends for a server of little memory: 19 MiB, two passes."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


throttle = Throttle()
turnstile = Turnstile("passwords")
_verified: dict[int, bytes] = {}
_nobody = Processor(state=Processor.State.DISABLED, password="")


def recognize(username: str, password: str) -> Processor | None:
    """Say which processor this is, where this worker has verified the credential before, or the
    row proves that another one has: by digest, and never throttled.

    The row is read each time (once for those who come together), so a changed or disabled
    credential stops working at once, in every worker.
    """
    processor = _find_processor(username)
    return processor if _is_open(processor) and _was_verified(processor, password) else None


async def authenticate(username: str, password: str, address: str) -> Processor:
    """Say which processor this is, at full price unless it is recognized by now: one password at a
    time, of each source in turn.

    Raises NotAuthenticated, TooManyAttempts; or Unavailable where too many wait already.
    """
    known = recognize(username, password)
    if known:
        return known
    source = name_source(address)
    throttle.refuse_if_over(source, username)
    processor = _find_processor(username)
    attempt = partial(_verify, processor, username, password, source)
    if not await turnstile.run(source, attempt):
        raise NotAuthenticated
    assert processor is not None
    proof = _verified[processor.pk] = _make_proof(processor, password)
    if len(password) >= PROVEN_FROM_CHARACTERS:
        group_commit.run_later(partial(_keep_proof, processor, proof))
    # By the row as it is now: the credential may have changed while this one waited for its turn.
    known = recognize(username, password)
    if known is None:
        raise NotAuthenticated
    return known


def draw_password(processor: Processor) -> str:
    """Give the processor a new random password, to be shown once; the caller saves what CREDENTIAL
    names.
    """
    password = secrets.token_urlsafe(24)
    processor.password, processor.proof = make_password(password), None
    return password


def find_source_address(request: HttpRequest) -> str:
    """The peer; behind a trusted proxy, the last untrusted address of X-Forwarded-For."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while forwarded and is_trusted_proxy(address):
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
    address = find_source_address(request)
    return not address or is_loopback(address)


def _find_processor(username: str) -> Processor | None:
    by_username = PROCESSORS.write_select(BY_USERNAME)
    rows = shared_snapshot.read_rows(by_username, (username,)) if username.isprintable() else []
    return _make_processor(rows[0]) if rows else None


@lru_cache(256)
def _make_processor(row: tuple[Any, ...]) -> Processor:
    """Make a processor of its row: once, for as long as the row says the same."""
    return PROCESSORS.make_model(row)


def _is_open(processor: Processor | None) -> TypeGuard[Processor]:
    return processor is not None and processor.state != Processor.State.DISABLED


def _verify(processor: Processor | None, username: str, password: str, source: str) -> bool:
    """Tell whether the password is right, at full price; a failure is counted."""
    throttle.refuse_if_over(source, username)  # others may have failed while this one waited
    # Made on whatever comes first, so that an unknown username never costs a hash more.
    nobodys_password = _make_nobodys_password()
    is_right = check_password(password, processor.password if processor else nobodys_password)
    if is_right and _is_open(processor):
        return True
    throttle.count_failure(source, username)
    return False


def _was_verified(processor: Processor, password: str) -> bool:
    proof = _make_proof(processor, password)
    kept = processor.proof or b"", _verified.get(processor.pk, b"")
    return any(secrets.compare_digest(proof, each) for each in kept)


def _make_proof(processor: Processor, password: str) -> bytes:
    """Prove that the password has been verified against the row's hash. Any worker can make it, and
    nobody without the session key: who has the database alone has to guess at argon2's price.
    """
    ring = settings.PPIMS_SESSION_KEYS
    return keys.digest(ring, "verified credential", processor.password, password, size=32)


def _keep_proof(processor: Processor, proof: bytes) -> None:
    """Let other workers, and this one's successor, recognize it; unless the credential is another
    by now.
    """
    values = (proof, processor.pk, processor.password)
    run_in_transaction(lambda: statements.run(KEEP_PROOF, values), takes_instant=False)


def _make_nobodys_password() -> str:
    if not _nobody.password:
        draw_password(_nobody)
    return _nobody.password

"""The second factor: an authenticator app's codes (TOTP, RFC 6238) and ten recovery codes.

A code counts once, whoever of two comes first with it: each look at one locks the person's row.
Codes go by the machine's own time, as the apps do, also where a demo's clock is turned.
"""

import hmac
import secrets
import time
from base64 import b32decode, b32encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings

from ppims.core import clock, keys
from ppims.core.errors import Conflict
from ppims.db.transaction import wrap_in_transaction
from ppims.models import RecoveryCode, SecondFactor, User
from ppims.services import audit, sessions
from ppims.services.operators import name_operator

CODE_DIGITS, STEP_SECONDS = 6, 30
SKEW_STEPS = 1  # an app's clock may be so far off, ahead or behind
SECRET_BYTES = 20
RECOVERY_CODES, RECOVERY_BYTES = 10, 10
MOST_WRONG_CODES, LOCKED_SECONDS = 5, 15 * 60
ISSUER_NAME = "PPIMS"


@dataclass(frozen=True)
class Verdict:
    """What a code was: right or not, and for how many seconds no other one is looked at."""

    is_right: bool = False
    locked_seconds: int = 0


WRONG_CODE = Verdict()


def find_factor(user: User) -> SecondFactor | None:
    """Find a person's second factor, if it counts."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


@wrap_in_transaction
def is_set_up(*, user: User) -> bool:
    """Return whether a person's second factor counts, once whoever changes it at this moment is
    done.
    """
    factor = _lock_factor(user)
    return bool(factor and factor.confirmed_at)


@wrap_in_transaction
def draw_secret(*, user: User, session_key: str) -> str:
    """Draw the secret that a session is about to confirm, or find the one it was shown already.
    Returns it in base32. Raises Conflict where the person has a second factor.

    Whoever has looked at another session's secret, before its owner set it up, knows none that
    the owner will confirm.
    """
    factor = _lock_factor(user)
    if factor and factor.confirmed_at:
        raise Conflict([("", "is set up already")])
    if factor and _is_drawn_for(factor, session_key):
        return factor.open_secret()
    secret = b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    factor = factor or SecondFactor(user=user)
    factor.drawn_for = _list_session_digests(session_key)[0]
    factor.seal(secret)
    factor.save()
    return secret


@wrap_in_transaction
def confirm(*, user: User, session_key: str, code: str, source: str) -> list[str] | None:
    """Let the secret count that this session was shown, by a code of the app. Returns the recovery
    codes, to be shown in that very answer; None: the code is not of that secret.
    """
    factor = _lock_factor(user)
    if factor is None or factor.confirmed_at:
        return None
    if not _is_drawn_for(factor, session_key):
        return None
    step = _find_step(factor, code)
    if step is None:
        return None
    factor.confirmed_at, factor.last_step, factor.drawn_for = clock.now(), step, b""
    factor.wrong_codes = factor.locked_until_seconds = 0
    factor.save()
    _record("second factor set up", user, source=source)
    return _make_recovery_codes(user)


@wrap_in_transaction
def check_code(*, user: User, code: str, source: str) -> Verdict:
    """Take a code of the app, or a recovery code: neither counts a second time. The fifth wrong one
    in a row locks the person's second factor for LOCKED_SECONDS, for right ones too.
    """
    factor = _lock_factor(user)
    if factor is None or factor.confirmed_at is None:
        return WRONG_CODE
    now = int(time.time())
    if now < factor.locked_until_seconds:
        return Verdict(locked_seconds=factor.locked_until_seconds - now)
    step = _find_step(factor, code)
    if step is not None or _use_recovery_code(user, code, source):
        factor.last_step = step or factor.last_step
        factor.wrong_codes = 0
        factor.save(update_fields=["last_step", "wrong_codes"])
        return Verdict(is_right=True)
    factor.wrong_codes += 1
    is_last = factor.wrong_codes >= MOST_WRONG_CODES
    if is_last:
        factor.wrong_codes, factor.locked_until_seconds = 0, now + LOCKED_SECONDS
        _record("second factor locked", user, source=source, outcome="locked")
    factor.save(update_fields=["wrong_codes", "locked_until_seconds"])
    return Verdict(locked_seconds=LOCKED_SECONDS) if is_last else WRONG_CODE


@wrap_in_transaction
def renew_recovery_codes(*, user: User, source: str) -> list[str]:
    """Make ten new recovery codes in the place of all before. Returns them, to be shown once."""
    _lock_factor(user)
    _record("recovery codes made", user, source=source)
    return _make_recovery_codes(user)


def count_recovery_codes(user: User) -> int:
    """Count the recovery codes that are left."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


@wrap_in_transaction
def remove(*, user: User) -> None:
    """Take the second factor and all recovery codes away, inside the change that says why, and end
    every session: at the next log-in the person sets up another.
    """
    _lock_factor(user)
    RecoveryCode.objects.filter(user=user).delete()
    SecondFactor.objects.filter(user=user).delete()
    sessions.end_sessions(user=user)


@wrap_in_transaction
def remove_at_the_machine(*, user: User) -> None:
    """Take it away by the word of who works at the machine."""
    remove(user=user)
    audit.record(
        "second factor reset at the machine",
        at=clock.now(),
        detail={"username": user.username, "operator": name_operator()},
    )


def write_address(user: User, secret: str) -> str:
    """Write what an app reads from the picture: issuer, person and secret (otpauth://)."""
    return _make_totp(secret).get_provisioning_uri(user.get_username(), ISSUER_NAME)


def _lock_factor(user: User) -> SecondFactor | None:
    # The person's row, for there may be none of the factor yet.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return SecondFactor.objects.filter(user=user).first()


def _find_step(factor: SecondFactor, code: str) -> int | None:
    """Find the step that a code is of, of those that may still count; None: it is of none."""
    digits = code.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) == CODE_DIGITS):
        return None
    totp, now = _make_totp(factor.open_secret()), int(time.time()) // STEP_SECONDS
    for step in range(now - SKEW_STEPS, now + SKEW_STEPS + 1):
        made = totp.generate(step * STEP_SECONDS)
        if step > factor.last_step and hmac.compare_digest(made, digits.encode()):
            return step
    return None


def _make_totp(secret: str) -> TOTP:
    return TOTP(b32decode(secret), CODE_DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - what apps can do


def _make_recovery_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    key = settings.PPIMS_DIGEST_KEYS[0]
    codes = [secrets.token_bytes(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    written = [b32encode(code).decode().lower() for code in codes]
    RecoveryCode.objects.bulk_create(
        [
            RecoveryCode(user=user, key_id=key.id, digest=_digest_code(key, user, code))
            for code in written
        ]
    )
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in written]


def _use_recovery_code(user: User, code: str, source: str) -> bool:
    said = code.replace("-", "").replace(" ", "").lower()
    left = list(RecoveryCode.objects.filter(user=user, used_at=None))
    for row in left:
        key = keys.find_key(settings.PPIMS_DIGEST_KEYS, row.key_id)
        if hmac.compare_digest(bytes(row.digest), _digest_code(key, user, said)):
            # Only one of two uses at once finds it unused, whatever the lock is worth.
            is_first = RecoveryCode.objects.filter(pk=row.pk, used_at=None).update(
                used_at=clock.now()
            )
            if is_first:
                _record("recovery code used", user, source=source, left=len(left) - 1)
            return bool(is_first)
    return False


def _digest_code(key: keys.Key, user: User, code: str) -> bytes:
    return keys.digest((key,), "recovery code", str(user.pk), code)


def _is_drawn_for(factor: SecondFactor, session_key: str) -> bool:
    # By any key of the ring: while the session key changes, workers draw by the old one or the new.
    digests = _list_session_digests(session_key)
    return any(hmac.compare_digest(bytes(factor.drawn_for), each) for each in digests)


def _list_session_digests(session_key: str) -> list[bytes]:
    return keys.digest_by_each(settings.PPIMS_SESSION_KEYS, "second factor", session_key)


def _record(action: str, user: User, *, outcome: str = "done", **detail: object) -> None:
    audit.record(action, at=clock.now(), user=user, detail={**detail, "outcome": outcome})

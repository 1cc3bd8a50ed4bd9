"""Accounts of staff: their passwords, and what the audit keeps of a change."""

import hmac
from datetime import datetime

from axes.utils import reset
from django.conf import settings
from django.http import HttpRequest

from ppims.core import clock
from ppims.db.transaction import wrap_in_transaction
from ppims.models import StaffChange, User
from ppims.services import audit, sessions

MOST_WRONG_PASSWORDS = 5


def get_staff(request: HttpRequest) -> User:
    """Return the person who is logged in, in a view that only such can open."""
    assert isinstance(request.user, User)
    return request.user


@wrap_in_transaction
def give_one_time_password(*, user: User, by: User, at: datetime, change: StaffChange) -> str:
    """Give a user a password for one log-in, by a change that counts. It ends every session of the
    old one, and the wait after wrong guesses. Returns it, to be shown once.
    """
    password = user.take_one_time_password(at)
    user.save(update_fields=User.PASSWORD)
    sessions.end_sessions(user=user)
    audit.record(
        "user given a one-time password",
        at=at,
        user=by,
        detail={"username": user.username, "staff_change": change.pk, "reason": change.reason},
        rows=[change],
    )
    forget_failures(user.username)
    return password


@wrap_in_transaction
def change_own_password(*, user: User, password: str) -> None:
    """Keep the password that its owner chose; the caller has judged it. It ends every session; the
    caller begins the one that it was chosen in anew.
    """
    user.take_password(password)
    user.save(update_fields=User.PASSWORD)
    sessions.end_sessions(user=user)
    _record("own password changed", user)


@wrap_in_transaction
def count_wrong_password(*, user: User) -> bool:
    """Count a wrong old password of who changes it. Returns whether it was the fifth.

    In the user's row, not in the session: two requests of a session at once write the same count.
    """
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    row.wrong_passwords = (row.wrong_passwords + 1) % MOST_WRONG_PASSWORDS
    row.save(update_fields=["wrong_passwords"])
    if is_last := bool(row.wrong_passwords == 0):
        _record("session ended: wrong passwords", user)
    return is_last


def forget_failures(username: str) -> None:
    """End the wait of a user after wrong guesses at the log-in."""
    reset(username=digest_username(username))


def digest_username(username: str) -> str:
    """Digest what is typed as a username, to count failures under: people type passwords there."""
    key = settings.SECRET_KEY.encode()
    return hmac.digest(key, b"log-in " + username.encode(), "sha256").hex()[:32]


def _record(action: str, by: User, **detail: object) -> None:
    audit.record(action, at=clock.now(), user=by, detail=detail)

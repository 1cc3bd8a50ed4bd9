"""Keep sessions of staff in the database: encrypted, because they hold what somebody has searched
for, under a digest of the cookie's value, and deleted within an hour of their end. List them, and
end them before.
"""

import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError
from django.db.models import Count, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ppims.core import clock, keys
from ppims.core.errors import Unavailable
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import StaffSession, User
from ppims.services import audit

CLEARED_EVERY_SECONDS = 3600
DIGEST_BYTES = 20  # forty characters: as long as Django's column
MOST_LISTED = 50
KEY_NAME_LENGTH = 8

logger = logging.getLogger(__name__)


class SessionStore(db.SessionStore):
    """Django's own, but its rows are kept under a keyed digest of the session's key, and encrypted,
    bound to that key: the content of one row can't be read in the place of another.
    """

    # Django's own ask by the key itself; these call what is below, in a thread.
    aload, asave, acreate = SessionBase.aload, SessionBase.asave, SessionBase.acreate
    aexists, adelete = SessionBase.aexists, SessionBase.adelete

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._loaded: tuple[str, StaffSession] | None = None  # of which session's key it is

    @classmethod
    def get_model_class(cls) -> type[StaffSession]:
        return StaffSession

    def load(self) -> dict[str, Any]:
        row = find_rows(self.session_key).filter(expire_date__gt=timezone.now()).first()
        if row is None or self.session_key is None:
            self._session_key = None
            return {}
        self._loaded = self.session_key, row
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        return find_rows(session_key).exists()

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            find_rows(key).delete()

    def create_model_instance(self, data: Mapping[str, Any]) -> StaffSession:
        # The stubs don't have it.
        session_key = self._get_or_create_session_key()  # type: ignore[attr-defined]
        row, key = self._find_loaded(), self._find_key()
        return StaffSession(
            session_key=_digest_key(key, session_key),
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            **({"public_id": row.public_id} if row else {}),
            **_list_columns(data),
        )

    def encode(self, session_dict: Mapping[str, Any]) -> str:
        text = self.serializer().dumps(session_dict).decode("latin-1")
        key_id, sealed = keys.encrypt((self._find_key(),), text, bound_to=self._bound_to)
        return f"{key_id} {b64encode(sealed).decode()}"

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Read a row. One that can't be read (its key is gone) is an empty session, and its owner
        logs in again.
        """
        key_id, _, sealed = str(session_data).partition(" ")
        try:
            text = keys.decrypt(
                settings.PPIMS_SESSION_KEYS, key_id, b64decode(sealed), bound_to=self._bound_to
            )
        except (ValueError, keys.KeyMissing, InvalidTag):
            return {}
        return dict(self.serializer().loads(text.encode("latin-1")))

    @property
    def _bound_to(self) -> str:
        return f"session {self.session_key}"

    def _find_loaded(self) -> StaffSession | None:
        session_key, row = self._loaded or (None, None)
        return row if session_key == self.session_key else None

    def _find_key(self) -> keys.Key:
        """Find the key of the row: a session keeps the one that it began with. So a row never needs
        two keys, one for its place and another for what it holds.
        """
        ring: keys.Ring = settings.PPIMS_SESSION_KEYS
        if (row := self._find_loaded()) is None:
            return ring[0]
        own = (key for key in ring if _digest_key(key, str(self.session_key)) == row.session_key)
        return next(own, ring[0])


def _list_columns(data: Mapping[str, Any]) -> dict[str, Any]:
    """List the columns that are copied of what a session holds."""
    now = timezone.now()
    user, previous = data.get(SESSION_KEY), data.get("previous_login")
    return {
        "user_id": int(user) if user else None,
        "began_at": datetime.fromtimestamp(data["began"], UTC) if "began" in data else now,
        "seen_at": datetime.fromtimestamp(data["seen"], UTC) if "seen" in data else now,
        "source": data.get("source", ""),
        "agent": data.get("agent", ""),
        "previous_login_at": datetime.fromtimestamp(previous, UTC) if previous else None,
        "previous_source": data.get("previous_source", ""),
    }


def _digest_key(key: keys.Key, session_key: str) -> str:
    return keys.digest((key,), "session", session_key, size=DIGEST_BYTES).hex()


def find_rows(session_key: str | None) -> QuerySet[StaffSession]:
    """Find the row of a cookie's value, by whichever key of the ring: one, or none."""
    ring: keys.Ring = settings.PPIMS_SESSION_KEYS
    digests = [_digest_key(key, session_key) for key in ring] if session_key else []
    return StaffSession.objects.filter(session_key__in=digests)


# Open sessions of somebody.


def list_open(user: User) -> list[StaffSession]:
    """List the sessions in which somebody is logged in, the latest first: MOST_LISTED at most."""
    return list(_find_open(user).defer("session_data").order_by("-began_at", "pk")[:MOST_LISTED])


def _find_open(user: User) -> QuerySet[StaffSession]:
    now = timezone.now()
    longest = timedelta(seconds=settings.PPIMS_SESSION_SECONDS)
    return StaffSession.objects.filter(user=user, expire_date__gt=now, began_at__gt=now - longest)


def end_sessions(*, user: User, but: str | None = None) -> int:
    """End every session of a person but the one with this key. Returns how many were open. What
    made it necessary is audited by the caller, in whose transaction this is.
    """
    own = find_rows(but).values_list("pk", flat=True)
    count = _find_open(user).exclude(pk__in=list(own)).count()
    StaffSession.objects.filter(user=user).exclude(pk__in=list(own)).delete()
    return count


@wrap_in_transaction
def end_own(*, user: User, but: str | None, public_id: str = "") -> int:
    """End one of one's own sessions, by what the page calls it, or all, but never the one that is
    looked from. Returns how many were open.
    """
    if public_id:
        own = find_rows(but).values_list("pk", flat=True)
        found = _find_open(user).filter(public_id=public_id).exclude(pk__in=list(own))
        count, _ = found.delete()
    else:
        count = end_sessions(user=user, but=but)
    if count:
        detail: dict[str, object] = {"username": user.username, "sessions": count}
        audit.record("session ended", at=clock.now(), user=user, detail=detail)
    return count


@wrap_in_transaction
def end_sessions_of(*, person: User, by: User) -> int:
    """End every session of another person, as an admin. Returns how many were open."""
    count = end_sessions(user=person)
    if count:
        detail: dict[str, object] = {"username": person.username, "sessions": count}
        audit.record("sessions ended by an admin", at=clock.now(), user=by, detail=detail)
    return count


class Cleared:
    """Middleware that deletes ended sessions once an hour in each process, after an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._due_at = time.monotonic() + CLEARED_EVERY_SECONDS

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + CLEARED_EVERY_SECONDS
            _clear_ended()
        return response


def count_by_key(at: datetime) -> dict[str, int]:
    """Count the sessions that are open, by the name of the key that they are encrypted with."""
    open_sessions = SessionStore.get_model_class().objects.filter(expire_date__gt=at)
    named = open_sessions.annotate(key=Left("session_data", KEY_NAME_LENGTH)).values_list("key")
    return dict(named.annotate(Count("pk")))


def _clear_ended() -> None:
    try:
        run_in_transaction(SessionStore.clear_expired)
    except (DatabaseError, Unavailable) as error:
        # The answer is there, and the next hour will do.
        logger.warning("ended sessions are not cleared: %s", type(error).__name__)

"""Keep sessions of staff in the database: encrypted, because they hold what somebody has searched
for, and deleted within an hour of their end.
"""

import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.contrib.sessions.backends import db
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from ppims.core import keys
from ppims.core.errors import Unavailable
from ppims.db.transaction import run_in_transaction

CLEARED_EVERY_SECONDS = 3600

logger = logging.getLogger(__name__)


class SessionStore(db.SessionStore):
    """Django's own, but encrypted, and bound to the session's key: the content of one row can't be
    read in the place of another.
    """

    def encode(self, session_dict: Mapping[str, Any]) -> str:
        text = self.serializer().dumps(session_dict).decode("latin-1")
        key_id, sealed = keys.encrypt(settings.PPIMS_SESSION_KEYS, text, bound_to=self._bound_to)
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


def _clear_ended() -> None:
    try:
        run_in_transaction(SessionStore.clear_expired)
    except (DatabaseError, Unavailable) as error:
        # The answer is there, and the next hour will do.
        logger.warning("ended sessions are not cleared: %s", type(error).__name__)

"""Open sessions of the staff: since when, from where, and by which browser."""

import secrets

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

LONGEST_SOURCE, LONGEST_AGENT = 64, 60


def draw_public_id() -> str:
    return secrets.token_hex(8)


class StaffSession(AbstractBaseSession):
    """One row is a session (ppims/services/sessions.py), until it ends.

    Its key is a keyed digest of the cookie's value: whoever reads the row can't go on in its
    owner's place. What it holds is encrypted. All other columns are copied from that at each save,
    for people to look at; `public_id` names the row on a page, and means nothing. `previous_…` is
    the log-in before the one that began it.
    """

    user = models.ForeignKey("ppims.User", models.CASCADE, null=True, related_name="+")
    public_id = models.CharField(max_length=16, default=draw_public_id)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    source = models.CharField(max_length=LONGEST_SOURCE, blank=True)
    agent = models.CharField(max_length=LONGEST_AGENT, blank=True)
    previous_login_at = models.DateTimeField(null=True)
    previous_source = models.CharField(max_length=LONGEST_SOURCE, blank=True)

    def __str__(self) -> str:
        return f"session {self.public_id}"

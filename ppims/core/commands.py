"""How a command of ours ends where a use case refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from ppims.core.errors import Refusal, Unavailable


@contextmanager
def tell_refusals() -> Iterator[None]:
    """Let a refusal end the command with what it says; but for a database that is busy or away,
    which manage.py tells of for every command.
    """
    try:
        yield
    except Unavailable:
        raise
    except Refusal as refusal:
        raise CommandError(refusal.describe()) from refusal

"""Where a processor's file waits to be compared: encrypted, in the data folder of the machine that
it was brought to, until that is done, or for a week.
"""

import re
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from ppims.core.sealed_files import remove
from ppims.services import brought_files
from ppims.services.brought_files import Arrival, Opened, Unreadable

KEPT_FOR = timedelta(days=7)
NAME_PATTERN = re.compile("[0-9a-f]{32}")


def begin_file() -> Arrival:
    """Begin a file that somebody brings. Raises OSError."""
    return Arrival(_find_folder())


def open_file(stored_as: str, key_id: str) -> Opened:
    """Open a file as it came. Raises Unreadable, now or while it is read."""
    return Opened(_find_path(stored_as), key_id)


def delete(stored_as: str) -> None:
    """Delete a file, if it is there."""
    remove(_find_path(stored_as))


def purge() -> None:
    """Delete what was brought longer than KEPT_FOR ago, by the clock that the disk goes by."""
    oldest = time.time() - KEPT_FOR.total_seconds()
    brought_files.remove_strangers(_find_folder(), (), before=oldest)


def _find_path(stored_as: str) -> Path:
    if not NAME_PATTERN.fullmatch(stored_as):
        raise Unreadable
    return _find_folder() / stored_as


def _find_folder() -> Path:
    folder: Path = settings.PPIMS_DATA_DIR / "brought"
    return folder

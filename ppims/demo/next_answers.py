"""What becomes of a processor's next answers to one operation: another one, a late one, or none.

They are in one small file, which is changed under its own lock, so that all workers together count
them exactly. Without any, a call pays for one look at the file's size.
"""

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from pydantic import TypeAdapter, ValidationError

from ppims.core.errors import Fault, Refusal, Unavailable
from ppims.demo.control_log import record_use
from ppims.demo.locked_file import open_locked
from ppims.models import Processor, User

ANSWERS_FILE = "next-answers.json"
MOST_TIMES, MOST_SECONDS, DEFAULT_SECONDS = 1_000, 60, 2
UNTIL_CLEARED = None
DONE_WORD = "done"

logger = logging.getLogger(__name__)


class Answer(models.TextChoices):
    """What the caller gets."""

    BUSY = "503", _("503: busy")
    FAULT = "999", _("999: a fault")
    LOST = "lost", _("No answer: the connection is closed")
    SLOW = "slow", _("The answer, but late")


@dataclass(frozen=True)
class NextAnswer:
    """What becomes of the next answers to an operation: so many `times`, or until it is cleared.

    `is_done`: the operation is carried out and booked all the same. `seconds` pass before a late
    answer comes, or the connection is closed.
    """

    operation: str
    answer: Answer
    is_done: bool
    seconds: int = DEFAULT_SECONDS
    times: int | None = 1

    def __str__(self) -> str:
        after = f" after {self.seconds} s" if self.answer in {Answer.LOST, Answer.SLOW} else ""
        return f"{self.answer}{after}, {DONE_WORD if self.is_done else 'not done'}"

    def make_refusal(self) -> Refusal:
        """Make the refusal that takes the place of the answer; of a lost one, nobody sees it."""
        return Fault() if self.answer == Answer.FAULT else Unavailable()


Kept = dict[str, dict[str, NextAnswer]]  # by System_Id and operation
KEPT_ADAPTER: TypeAdapter[Kept] = TypeAdapter(Kept)


def is_carried_out(answer: Answer, *, asked: bool) -> bool:
    """Whether what is asked of the operation is done, as was asked; a late answer is always of what
    was done.
    """
    return asked or answer == Answer.SLOW


def is_of_done(text: str) -> bool:
    """Whether what was made of an answer, as it is kept in words, was made of one that is done."""
    return text.endswith(f", {DONE_WORD}")


def set_next(processor: Processor, asked: NextAnswer, *, user: User | None = None) -> None:
    """Let this become of a processor's next answers, in the place of what was set for the
    operation. `user` is who asked, else the processor itself. Raises Unavailable.
    """
    record_use(
        "demo's next answers set",
        processor=processor,
        user=user,
        operation=asked.operation,
        answer=str(asked),
        times=asked.times,
    )
    with open_locked(_find_file()) as handle:
        kept = _read(handle)
        kept.setdefault(processor.system_id, {})[asked.operation] = asked
        _write(handle, kept)


def clear(processor: Processor, operation: str = "", *, user: User | None = None) -> None:
    """Let a processor's answers to an operation, or to all, be as they are. Raises Unavailable."""
    record_use("demo's next answers cleared", processor=processor, user=user, operation=operation)
    with open_locked(_find_file()) as handle:
        kept = _read(handle)
        of_processor = kept.get(processor.system_id, {})
        for each in [operation] if operation else list(of_processor):
            of_processor.pop(each, None)
        _write(handle, kept)


def forget_all() -> None:
    """Let all answers be as they are, without a word: for a reset."""
    with open_locked(_find_file()) as handle:
        _write(handle, {})


def list_next(processor: Processor) -> list[NextAnswer]:
    """List what is set for a processor, by operation."""
    if not _is_any():
        return []
    with open_locked(_find_file()) as handle:
        kept = _read(handle).get(processor.system_id, {})
    return [kept[operation] for operation in sorted(kept)]


def take_next(processor: Processor, operation: str) -> NextAnswer | None:
    """Find what becomes of the answer to this call, and count it; None: nothing."""
    if not _is_any():
        return None
    with open_locked(_find_file()) as handle:
        kept = _read(handle)
        of_processor = kept.get(processor.system_id, {})
        found = of_processor.pop(operation, None)
        if found and found.times is not UNTIL_CLEARED:
            if found.times > 1:
                of_processor[operation] = replace(found, times=found.times - 1)
            _write(handle, kept)
    return found


def _find_file() -> Path:
    path: Path = settings.PPIMS_DATA_DIR / ANSWERS_FILE
    return path


def _is_any() -> bool:
    try:
        return _find_file().stat().st_size > 0
    except FileNotFoundError:
        return False


def _read(handle: int) -> Kept:
    """Read what is set; nothing, of a file that somebody has spoilt: no call may fail for it."""
    try:
        return KEPT_ADAPTER.validate_json(os.pread(handle, os.fstat(handle).st_size, 0) or b"{}")
    except ValidationError:
        logger.warning("what was set for the next answers can't be read: it is forgotten")
        os.ftruncate(handle, 0)
        return {}


def _write(handle: int, kept: Kept) -> None:
    """Write what is set; an empty file where nothing is."""
    kept = {system_id: of_processor for system_id, of_processor in kept.items() if of_processor}
    if not kept:
        os.ftruncate(handle, 0)
        return
    # Over what was there, whole: no other process may find the file empty meanwhile.
    os.pwrite(handle, KEPT_ADAPTER.dump_json(kept).ljust(os.fstat(handle).st_size), 0)

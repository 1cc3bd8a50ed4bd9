"""Lets one in at a time, for work that costs much and that any stranger may ask for. Sources take
turns: whoever asks a hundred times waits behind the one who asks once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings

from ppims.core.errors import Unavailable

T = TypeVar("T")
Ticket = Future[None]  # done once its holder is let in

HELD_ON_A_LOOP = 64  # waiting there costs nothing but memory


class Turnstile:
    """One turnstile of this process, for any thread and any event loop."""

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._inside: str | None = None  # whose turn it is
        self._waiting: dict[str, deque[Ticket]] = {}  # by source, the next source first
        self._beside_the_loop = ThreadPoolExecutor(1, name)

    async def run(self, source: str, work: Callable[[], T]) -> T:
        """Run work once it is the source's turn: in a thread beside the event loop, or, where no
        loop runs, in the caller's thread, which waits.

        Raises Unavailable at once where too many are waiting already.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            with self.hold_turn(source):
                return work()
        ticket = self.ask(source, held_at_most=HELD_ON_A_LOOP)
        try:
            await asyncio.wrap_future(ticket)
        except asyncio.CancelledError:
            self._withdraw(source, ticket)
            raise
        running = self._beside_the_loop.submit(work)
        # When the work ends, not when the asker is told: one who hangs up is gone while it goes on.
        running.add_done_callback(lambda _: self.leave())
        return await asyncio.wrap_future(running)

    @contextmanager
    def hold_turn(self, source: str) -> Iterator[None]:
        """Wait for the source's turn in this thread, and have it for the block. Raises Unavailable
        as `run` does.
        """
        # One thread of the server's is never held so: it is for those who need no turn.
        self.ask(source, held_at_most=max(settings.PPIMS_THREADS - 1, 2)).result()
        try:
            yield
        finally:
            self.leave()

    def ask(self, source: str, *, held_at_most: int) -> Ticket:
        """Ask to be let in. Who was let in has to call `leave`.

        Where `held_at_most` are inside or waiting, the last one of the source with most of them is
        sent away, if that source has two more than this one. Otherwise raises Unavailable.
        """
        ticket, gone = Ticket(), None
        with self._lock:
            if self._inside is None:
                self._inside = source
                ticket.set_result(None)
                return ticket
            if 1 + sum(map(len, self._waiting.values())) >= held_at_most:
                gone = self._take_last_of_most(source)
            self._waiting.setdefault(source, deque()).append(ticket)
        # Outside of the lock: whoever is told may ask again at once.
        if gone is not None and gone.set_running_or_notify_cancel():
            gone.set_exception(Unavailable())
        return ticket

    def leave(self) -> None:
        """Let the next one in: the first of the source whose turn it is."""
        with self._lock:
            self._inside = None
            while self._waiting:
                source = next(iter(self._waiting))
                theirs = self._waiting.pop(source)
                ticket = theirs.popleft()
                if theirs:
                    self._waiting[source] = theirs  # behind all others
                if ticket.set_running_or_notify_cancel():  # its holder has not given up meanwhile
                    self._inside = source
                    break
            else:
                return
        ticket.set_result(None)

    def _take_last_of_most(self, newcomer: str) -> Ticket:
        most = max(self._waiting, key=self._count_places)
        # With one more, the two would only change places.
        if self._count_places(most) < self._count_places(newcomer) + 2:
            raise Unavailable
        last = self._waiting[most].pop()
        if not self._waiting[most]:
            del self._waiting[most]
        return last

    def _count_places(self, source: str) -> int:
        return len(self._waiting.get(source, ())) + (source == self._inside)

    def _withdraw(self, source: str, ticket: Ticket) -> None:
        with self._lock:
            theirs = self._waiting.get(source, deque())
            if ticket in theirs:
                theirs.remove(ticket)
                if not theirs:
                    del self._waiting[source]
                return
        if not ticket.cancelled() and ticket.exception() is None:
            self.leave()  # it had been let in just now

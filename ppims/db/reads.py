"""Where the API's reads run. A read of SQLite takes less than handing it to a thread, so it is made
at once. For PostgreSQL an event loop never waits: its reads go to threads.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.conf import settings

from ppims.db import shared_snapshot, statements
from ppims.db.shared_snapshot import Rows
from ppims.db.threads import run_beside

T = TypeVar("T")
Asked = tuple[str, tuple[Any, ...]]  # a SELECT and its values
Look = asyncio.Task[dict[Asked, Rows]]

READ_THREADS = ThreadPoolExecutor(settings.PPIMS_THREADS, "reads")
# One of its own: a look must not wait behind reads that take long.
LOOK_THREAD = ThreadPoolExecutor(1, "looks")


async def run_read(work: Callable[[], T]) -> T:
    """Run a use-case that only reads, and return what it returns. Raises what it raises."""
    return work() if settings.SQLITE else await run_beside(READ_THREADS, work)


async def look_up(sql: str, *values: Any) -> Rows:
    """Run a SELECT that many ask alike: its rows as they are now or a moment later, never as they
    were before. Those who come together share one read.
    """
    if settings.SQLITE:
        return shared_snapshot.read_rows(sql, values)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return statements.read_rows(sql, values)
    return await _looks.ask((sql, values))


class Looks:
    """One look at a time, for all who have asked before it begins. Who asks while it goes on gets
    the next one: it would not tell them what has changed meanwhile.
    """

    def __init__(self) -> None:
        self._asked: set[Asked] = set()
        self._next: Look | None = None  # it has not begun
        self._last: Look | None = None

    async def ask(self, asked: Asked) -> Rows:
        if self._next is None or self._next.done():
            self._next = self._last = asyncio.create_task(self._look(self._last))
        self._asked.add(asked)
        # Whoever hangs up takes nothing away from the others.
        return (await asyncio.shield(self._next))[asked]

    async def _look(self, before: Look | None) -> dict[Asked, Rows]:
        if before is not None and not before.done():
            await asyncio.wait([before])
        asked, self._asked, self._next = self._asked, set(), None
        return await run_beside(LOOK_THREAD, partial(_read_each, asked))


def _read_each(asked: set[Asked]) -> dict[Asked, Rows]:
    return {(sql, values): statements.read_rows(sql, values) for sql, values in asked}


_looks = Looks()

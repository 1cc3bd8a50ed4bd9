"""Threads beside an event loop, for work that waits for a database: the loop goes on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

from ppims.db import outages

T = TypeVar("T")


async def run_beside(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Run work in one of the threads, or, where no event loop runs, in the caller's. Raises what
    the work raises.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return work()
    return await loop.run_in_executor(threads, run_as_a_request, work)


def run_as_a_request(work: Callable[[], T]) -> T:
    """Run work by this thread's own connection, looked after as Django does for each request."""
    close_old_connections()
    try:
        return work()
    except Exception as error:
        outages.drop_connection_after(error)  # whoever reports the error has another connection
        raise

"""Have work done by processes beside this one, in the order in which it is asked for."""

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection
from typing import TypeVar

import django

Job = TypeVar("Job")
Done = TypeVar("Done")


@contextmanager
def run_jobs(
    work: Callable[[Job], Done], jobs: Iterator[Job], *, processes: int
) -> Iterator[Iterator[Done]]:
    """Run work on each job in so many processes (0: in this one), and yield the results in the
    jobs' order. `work` and what it is bound to are sent to the processes. They see of the database
    what others have committed.
    """
    with _pause_collecting():
        if not processes:
            yield map(work, jobs)
            return
        # Spawned, for a process with threads can't be forked. A pipe each: a process ends when the
        # other end of its pipe is closed, so none outlives us, whatever becomes of us.
        spawn = multiprocessing.get_context("spawn")
        pipes = [spawn.Pipe() for _ in range(processes)]
        workers = [spawn.Process(target=_serve, args=(its,), daemon=True) for _, its in pipes]
        try:
            for worker, (ours, its) in zip(workers, pipes, strict=True):
                worker.start()
                its.close()
                ours.send(work)
            yield _collect_in_order([ours for ours, _ in pipes], jobs)
        finally:
            for worker in workers:
                worker.terminate()
                worker.join()


def _collect_in_order(pipes: list[Connection], jobs: Iterator[Job]) -> Iterator[Done]:
    asked = deque[Connection]()
    # Two jobs each: a process has the next one at hand while a result is used here.
    for pipe in pipes * 2:
        _ask(pipe, jobs, asked)
    while asked:
        pipe = asked.popleft()
        done: Done = pipe.recv()
        _ask(pipe, jobs, asked)
        yield done


def _ask(pipe: Connection, jobs: Iterator[Job], asked: deque[Connection]) -> None:
    for job in islice(jobs, 1):
        pipe.send(job)
        asked.append(pipe)


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends who started it, and so this one
    django.setup()
    with _pause_collecting(), suppress(EOFError, BrokenPipeError):
        work = pipe.recv()
        while True:
            pipe.send(work(pipe.recv()))


@contextmanager
def _pause_collecting() -> Iterator[None]:
    """Spare Python the search for cycles among hundreds of thousands of rows, which have none."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()

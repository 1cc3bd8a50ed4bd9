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
    """Give what comes of each job, in their order, of so many processes (0: of this one). `work`
    and what it is bound to are sent to them; of the database they see what others have committed.
    """
    with _pause_collecting():
        if not processes:
            yield map(work, jobs)
            return
        # Spawned, for what has threads can't be forked; a pipe each, for a process ends when the
        # other end of its pipe is closed, whatever becomes of us.
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
    """Keep each busy with the job after the next while what came of this one is used."""
    asked = deque[Connection]()
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
    """Do what is asked for, until the other end is closed; Ctrl-C is that one's to heed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    with _pause_collecting(), suppress(EOFError, BrokenPipeError):
        work = pipe.recv()
        while True:
            pipe.send(work(pipe.recv()))


@contextmanager
def _pause_collecting() -> Iterator[None]:
    """Spare Python the search for cycles among hundreds of thousands of rows: they have none."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()

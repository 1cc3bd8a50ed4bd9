"""The baselines beside a server: the same statements in a bare loop, and the disk itself."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack

from ppims.db.url import PRAGMAS
from tests.bench.installation import Installation
from tests.bench.load import CHECK_LIMIT, UPDATE_LIMIT
from tests.bench.slow_disk import sitecustomize as slow_disk

EMPTY_BLOCK = b"\0" * 4096


def run_raw_loop(
    installation: Installation, *, times: int, seconds: float, delay_ms: int = 0
) -> dict[str, float]:
    """Run the statements of so many checks, of the updates that settle them, and of adds on the
    bare driver, each operation in a transaction of its own: return how many of each a second. Each
    kind stops after so many seconds.

    No server may be running. It writes what the services would have written.
    """
    path = installation.folder / "statements.msgpack"
    first = installation.take_numbers(3 * times)
    installation.run_inside(
        "record_statements", str(path), str(installation.sample), str(times), str(first)
    )
    recorded: dict[str, Any] = msgpack.unpackb(path.read_bytes())
    path.unlink()
    slow_disk.DELAY_SECONDS = delay_ms / 1000
    factory = slow_disk.SlowConnection if delay_ms else sqlite3.Connection
    database = sqlite3.connect(installation.file, isolation_level=None, factory=factory)
    rates, checks = {}, times
    with closing(database):
        database.executescript(PRAGMAS)
        for operation, transactions in recorded.items():
            # An update needs its check to be there; adds need nothing.
            most = checks if operation == UPDATE_LIMIT else times
            done, spent = _run_transactions(database, transactions[:most], seconds)
            checks = done if operation == CHECK_LIMIT else checks
            rates[operation] = done / spent
    return rates


def _run_transactions(
    database: sqlite3.Connection, transactions: list[Any], seconds: float
) -> tuple[int, float]:
    """Run transactions one after the other: return how many, and in how many seconds."""
    began = time.perf_counter()
    done, spent = 0, 0.0
    for statements in transactions:
        database.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            database.execute(sql, values).fetchall()
        database.commit()
        done, spent = done + 1, time.perf_counter() - began
        if spent > seconds:
            break
    return done, spent


def measure_fsync_rate(folder: Path, *, seconds: float) -> float:
    """Measure how many blocks of 4 KB, one after the other, the disk syncs in a second."""
    path = folder / "fsync.tmp"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, EMPTY_BLOCK, 0)
        os.fsync(file)
        began, times = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            os.pwrite(file, EMPTY_BLOCK, 0)
            os.fdatasync(file)
            times += 1
        return times / spent
    finally:
        os.close(file)
        path.unlink()

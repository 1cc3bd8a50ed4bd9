"""Measure this machine: `python3 -m ppims bench --help`."""

import argparse
import json
import os
import platform
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from ppims.core.terminal import write_on_any_terminal
from tests.bench import attacks, chart, load, report
from tests.bench.installation import Installation, is_own
from tests.bench.plan import Plan, Setup, write_number
from tests.bench.ratios import make_ratios
from tests.bench.rounds import Bench

CUSTOMER_COUNTS = (10_000, 100_000, 1_000_000)
CLIENT_COUNTS = (1, 8, 32, 64)
QUICK_OPTIONS = {"customers": [1_000], "clients": [8], "rounds": 1, "seconds": 1, "raw_times": 200}
EXTRA_OPTIONS = {"fsync_delay_ms": 2, "low_end": True, "overload": True}
QUICK_OPTIONS |= EXTRA_OPTIONS
ALL_OPTIONS = {**EXTRA_OPTIONS, "postgres": True}


def main(arguments: list[str]) -> int:
    write_on_any_terminal()
    options = _make_parser().parse_args(arguments)
    for wanted, values in ((options.quick, QUICK_OPTIONS), (options.all, ALL_OPTIONS)):
        if wanted:
            vars(options).update(values)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.attacks:
            _measure_attacks(options)
        else:
            load.find_wrk()
            _measure_loads(options)
    except (load.NoWrk, RuntimeError) as error:
        raise SystemExit(f"ppims: {error}") from error
    except KeyboardInterrupt:
        return 130
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m ppims bench",
        description="Measure what PPIMS does on this machine, in a data folder and on a port of"
        " its own. docs/performance.md says how to read it.",
    )
    add = parser.add_argument
    numbers: dict[str, Any] = {"type": int, "nargs": "+", "metavar": "N"}
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    add("--quick", action="store_true", help="everything once, with little data: a minute")
    add("--all", action="store_true", help="all of the extra runs below, with 2 ms, too")
    add("--customers", **numbers, default=CUSTOMER_COUNTS, help="sizes of databases")
    add("--months", **number, default=1, help="how long their histories are (1)")
    add("--clients", **numbers, default=CLIENT_COUNTS, help="1 8 32 64")
    add("--workers", **numbers, default=(1, 2), help="1 2")
    add("--rounds", **number, default=3, help="how often each is measured, in turn (3)")
    add("--seconds", **number, default=5, help="how long each load lasts (5)")
    add("--raw-times", **number, default=2000, help="most rounds of the raw loop (2000)")
    add("--fsync-delay-ms", type=int, default=0, metavar="MS", help="also a disk so much slower")
    add("--low-end", action="store_true", help="also one core and 512 MB of memory")
    add("--overload", action="store_true", help="also five times the clients; and kill -9")
    add("--attacks", action="store_true", help="only: what attacks cost others; two minutes")
    add("--postgres", action="store_true", help="also on a PostgreSQL of its own")
    add("--data", type=Path, metavar="DIR", help="keep data there, and use what is there")
    add("--keep", action="store_true", help="keep the temporary data folder")
    add("--json", type=Path, default=Path("var/bench.json"), help="var/bench.json")
    add("--svg", type=Path, help="draw throughput against customers")
    return parser


def _measure_loads(options: argparse.Namespace) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {text}", markup=False)

    with ExitStack() as stack:
        folder = stack.enter_context(_open_data_folder(options, say))
        plan = _make_plan(options, folder, stack)
        for installation in {setup.installation: None for setup in plan.setups}:
            size = write_number(installation.customers)
            say(f"{installation.database}, {size} customers: seeding")
            installation.seed()
        bench, about = Bench(plan, say), _describe_machine(options)
        try:
            bench.run()
        finally:  # a failure at the end doesn't throw away an hour's figures
            about["took_seconds"] = round(time.monotonic() - began)
            _publish(options, about, bench)
        bench.results.require_nothing_lost()


def _measure_attacks(options: argparse.Namespace) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    say = partial(console.print, markup=False)
    with _open_data_folder(options, say) as folder:
        installation = Installation(folder / "attacked", attacks.CUSTOMER_COUNT, 1)
        say("seeding")
        installation.seed()
        found = attacks.measure_attacks(installation, say)
    _write_json(options.json, about=_describe_machine(options), attacks=attacks.make_plain(found))
    print(attacks.write_table(found))


def _publish(options: argparse.Namespace, about: dict[str, Any], bench: Bench) -> None:
    results, plan = bench.results, bench.plan
    ratios = make_ratios(results, plan)
    _write_json(options.json, about=about, ratios=[*map(asdict, ratios)], **results.make_plain())
    if options.svg:
        options.svg.write_text(chart.draw_chart(results, plan))
    report.print_table(Console(width=report.TABLE_WIDTH), results, plan, ratios)
    bench.say(f"all of it: {options.json}")


def _write_json(path: Path, **values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, default=str) + "\n")


def _make_plan(options: argparse.Namespace, folder: Path, stack: ExitStack) -> Plan:
    sizes = sorted(options.customers)
    on_sqlite = [
        Installation(folder / f"sqlite-{size}-{options.months}", size, options.months)
        for size in sizes
    ]
    setups = [Setup(installation) for installation in on_sqlite]
    if options.fsync_delay_ms:
        setups.append(Setup(on_sqlite[0], delay_ms=options.fsync_delay_ms))
    if options.low_end:
        setups.append(Setup(on_sqlite[-1], is_low_end=True))
    if options.postgres:
        setups += [Setup(each) for each in _make_on_postgres(options, sizes, stack)]
    return Plan(
        setups=tuple(setups),
        folder=folder,
        workers=tuple(sorted(set(options.workers))),
        clients=tuple(sorted(set(options.clients))),
        rounds=options.rounds,
        seconds=options.seconds,
        raw_times=options.raw_times,
        is_quick=options.quick,
        does_overload=options.overload,
    )


def _make_on_postgres(
    options: argparse.Namespace, sizes: list[int], stack: ExitStack
) -> Iterator[Installation]:
    """Make installations on a PostgreSQL that lasts as long as the stack and is never reused."""
    from tests.postgresql import cluster  # noqa: PLC0415 - needs the driver of PostgreSQL

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ppims-bench-")))
    server = stack.enter_context(cluster.run_cluster(**cluster.DURABLE))
    for size in sizes:
        url = server.write_url(server.make_database())
        yield Installation(folder / f"postgres-{size}", size, options.months, url)


@contextmanager
def _open_data_folder(options: argparse.Namespace, say: Any) -> Iterator[Path]:
    if options.data:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield options.data.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="ppims-bench-"))
    try:
        yield folder
    finally:
        if options.keep:
            say(f"the data are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _describe_machine(options: argparse.Namespace) -> dict[str, Any]:
    """Describe the machine and the programs: figures say little without."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {name: str(value) for name, value in vars(options).items()},
        "variables": {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PPIMS_") and not is_own(name)
        },
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "cores_note": "server and load generator share them (low end: the server has one of them)",
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": os.getloadavg(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in ("django", "django-ninja", "gunicorn")},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

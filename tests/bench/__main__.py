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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ppims.core.terminal import write_on_any_terminal
from tests.bench import attacks, beside, chart, load, pages, report, soak
from tests.bench.installation import OWN_CHECKOUT, Installation, is_own
from tests.bench.load import (
    CHECK_KYC,
    CHECK_LIMIT,
    FIND_STATUS,
    MIXED_CALLS,
    PAIRED_CALLS,
    UPDATE_LIMIT,
)
from tests.bench.plan import OPERATIONS, write_number
from tests.bench.ratios import make_ratios
from tests.bench.rounds import Bench
from tests.bench.setups import list_page_installations, make_plan, start_postgres

if TYPE_CHECKING:
    from tests.bench.postgres import Postgres  # needs the driver of PostgreSQL

CUSTOMER_COUNTS = (10_000, 100_000, 1_000_000)
CLIENT_COUNTS = (1, 8, 32, 64)
QUICK_OPTIONS = {"customers": [1_000], "clients": [8], "rounds": 1, "seconds": 1, "raw_times": 200}
EXTRA_OPTIONS = {"fsync_delay_ms": 2, "low_end": True, "overload": True}
QUICK_OPTIONS |= EXTRA_OPTIONS
ALL_OPTIONS = {**EXTRA_OPTIONS, "postgres": True}
Say = Callable[[str], None]
# What two checkouts are compared by, unless other options say otherwise.
COMPARED_OPERATIONS = [CHECK_KYC, FIND_STATUS, CHECK_LIMIT, UPDATE_LIMIT, PAIRED_CALLS]
AGAINST_DEFAULTS = {"customers": [10_000], "clients": [1, 64], "workers": [2], "raw_times": 0}
AGAINST_DEFAULTS |= {"operations": COMPARED_OPERATIONS}
PAGES_DEFAULTS = {"customers": [1_000_000], "months": 5, "rounds": 20}


def main(arguments: list[str]) -> int:
    write_on_any_terminal()
    options = _read_options(arguments)
    for wanted, values in ((options.quick, QUICK_OPTIONS), (options.all, ALL_OPTIONS)):
        if wanted:
            vars(options).update(values)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _measure(options)
    except (load.NoWrk, RuntimeError) as error:
        raise SystemExit(f"ppims: {error}") from error
    except KeyboardInterrupt:
        return 130
    return 0


def _read_options(arguments: list[str]) -> argparse.Namespace:
    parser = _make_parser()
    asked = parser.parse_args(arguments)
    if asked.against:
        parser.set_defaults(**AGAINST_DEFAULTS)
    if asked.pages:
        parser.set_defaults(**PAGES_DEFAULTS)
    options = parser.parse_args(arguments)
    if UPDATE_LIMIT in options.operations:  # an update settles a check
        options.operations = [*options.operations, CHECK_LIMIT]
    if options.overload and MIXED_CALLS not in options.operations:  # it is what is asked too much
        options.operations = [*options.operations, MIXED_CALLS]
    return options


def _measure(options: argparse.Namespace) -> None:
    if options.attacks:
        _measure_attacks(options)
        return
    if options.pages:
        _measure_pages(options)
        return
    load.find_wrk()
    if options.soak:
        _measure_soak(options)
    elif options.beside:
        _measure_beside(options)
    else:
        _measure_loads(options)


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
    add("--soak", type=float, metavar="MINUTES", help="only: memory and files under long load")
    add("--pages", action="store_true", help="only: each page of the back office, 20 times")
    add("--choices", **number, default=0, help="of each filter of a page so many choices (all)")
    add("--postgres", action="store_true", help="also on a PostgreSQL of its own")
    add("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS, help="all of them")
    add("--against", type=Path, metavar="DIR", help="also the code of another checkout, by turns")
    add("--bounds", action="store_true", help="with networks and a rate, in this checkout alone")
    add(
        "--beside",
        nargs=2,
        metavar=("URL", "PREFIX"),
        help="only: status and add, by turns with another program that speaks this wire",
    )
    add("--data", type=Path, metavar="DIR", help="keep data there, and use what is there")
    add("--keep", action="store_true", help="keep the temporary data folder")
    add("--json", type=Path, default=Path("var/bench.json"), help="var/bench.json")
    add("--svg", type=Path, help="draw throughput against customers")
    return parser


def _measure_loads(options: argparse.Namespace) -> None:
    began, say = time.monotonic(), _make_say()
    with ExitStack() as stack:
        folder = stack.enter_context(_open_data_folder(options, say))
        postgres = start_postgres(options, stack, say)
        plan = make_plan(options, folder, stack, postgres)
        for installation in {setup.installation: None for setup in plan.setups}:
            _seed(installation, postgres, say)
            if options.bounds and installation.checkout == OWN_CHECKOUT:
                installation.run_inside("bound_processors")
        bench, about = Bench(plan, say, postgres), _describe_machine(options)
        try:
            bench.run()
        finally:  # a failure at the end doesn't throw away an hour's figures
            about["took_seconds"] = round(time.monotonic() - began)
            _publish(options, about, bench)
        bench.results.require_nothing_lost()


def _measure_beside(options: argparse.Namespace) -> None:
    say = _make_say()
    log_in, neighbour = beside.take_log_in(), beside.find_neighbour(*options.beside)
    if not neighbour.roots:
        say("no process here listens there: its CPU and memory are NOT measured")
    with ExitStack() as stack:
        folder = stack.enter_context(_open_data_folder(options, say))
        postgres = start_postgres(options, stack, say)
        plan = make_plan(options, folder, stack, postgres)
        is_wanted = [bool(each.installation.url) == options.postgres for each in plan.setups]
        setup = plan.setups[is_wanted.index(True)]
        _seed(setup.installation, postgres, say)
        sides = beside.measure_beside(setup, neighbour, log_in, plan, say)
    _write_json(options.json, about=_describe_machine(options), beside=beside.make_plain(*sides))
    print(beside.write_table(*sides))


def _seed(installation: Installation, postgres: "Postgres | None", say: Say) -> None:
    say(f"{installation.database}, {write_number(installation.customers)} customers: seeding")
    installation.seed()
    if postgres and installation.url:
        postgres.settle(installation)


def _measure_attacks(options: argparse.Namespace) -> None:
    say = _make_say()
    with _open_data_folder(options, say) as folder:
        installation = Installation(folder / "attacked", attacks.CUSTOMER_COUNT, 1)
        say("seeding")
        installation.seed()
        found = attacks.measure_attacks(installation, say)
    _write_json(options.json, about=_describe_machine(options), attacks=attacks.make_plain(found))
    print(attacks.write_table(found))


def _measure_soak(options: argparse.Namespace) -> None:
    say = _make_say()
    with _open_data_folder(options, say) as folder:
        installation = Installation(folder / "soaked", soak.CUSTOMER_COUNT, 1)
        say("seeding")
        installation.seed()
        found = soak.measure_soak(installation, options.soak, say)
        wrong = installation.verify()
    _write_json(options.json, about=_describe_machine(options), soak=soak.make_plain(found))
    print(soak.write_table(found))
    if wrong or soak.has_failed(found):
        raise RuntimeError(f"something crept, or is wrong: {wrong or 'see above'}")


def _measure_pages(options: argparse.Namespace) -> None:
    say = _make_say()
    with ExitStack() as stack:
        folder = stack.enter_context(_open_data_folder(options, say))
        postgres = start_postgres(options, stack, say)
        found = {}
        for installation in list_page_installations(options, folder, postgres):
            name = f"{installation.database}, {write_number(installation.customers)} customers"
            say(f"{name}: seeding")
            installation.seed_beside_demo()
            if postgres and installation.url:
                postgres.settle(installation)
            found[name] = pages.measure_pages(installation, options.rounds, options.choices, say)
            print(f"\n{name}\n\n{pages.write_table(found[name])}")
    plain = {name: pages.make_plain(costs) for name, costs in found.items()}
    _write_json(options.json, about=_describe_machine(options), pages=plain)


def _make_say() -> Say:
    """Make what says a step on standard error, and how many seconds after the start."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    began = time.monotonic()
    return lambda text: console.print(f"{time.monotonic() - began:5.0f} s  {text}", markup=False)


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

"""From the options to what is measured: which installations, and on which kinds of machine."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.installation import OWN_CHECKOUT, Checkout, Installation
from tests.bench.plan import Plan, Setup

if TYPE_CHECKING:
    from tests.bench.postgres import Postgres  # needs the driver of PostgreSQL

ROUND_TRIP_MS = 0.5


def start_postgres(
    options: argparse.Namespace, stack: ExitStack, say: Callable[[str], None]
) -> "Postgres | None":
    """Start a PostgreSQL that lasts as long as the stack; None where it isn't asked for."""
    if not options.postgres:
        return None
    from tests.bench.postgres import run_postgres  # noqa: PLC0415 - needs the driver of PostgreSQL

    found = stack.enter_context(run_postgres(max(options.clients)))
    if found.pgbench:
        found.make_pair_tables(min(options.customers))
    else:
        say("there is no pgbench here, pairs are NOT compared with it (apt-get install postgresql)")
    return found


def make_plan(
    options: argparse.Namespace, folder: Path, stack: ExitStack, postgres: "Postgres | None"
) -> Plan:
    """Make the plan that the options ask for. What is on PostgreSQL goes with the stack."""
    setups = list(_list_on_sqlite(options, folder))
    if postgres:
        temporary = tempfile.TemporaryDirectory(prefix="ppims-bench-")
        setups += _list_on_postgres(options, Path(stack.enter_context(temporary)), postgres)
    if options.against:
        setups = list(_add_other(setups, _find_checkout(options.against), postgres))
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
        operations=tuple(options.operations),
        other_checkout=options.against.absolute().name if options.against else "",
    )


def list_page_installations(
    options: argparse.Namespace, folder: Path, postgres: "Postgres | None"
) -> Iterator[Installation]:
    """List whose pages are measured: they have the demo's staff, which other installations lack."""
    for size in sorted(options.customers):
        name = f"pages-{size}-{options.months}"
        yield Installation(folder / name, size, options.months)
        if postgres:
            yield Installation(
                folder / f"postgres-{name}",
                size,
                options.months,
                url=postgres.make_database(),
                postmaster=postgres.postmaster,
            )


def _list_on_sqlite(options: argparse.Namespace, folder: Path) -> Iterator[Setup]:
    found = [
        Installation(folder / f"sqlite-{size}-{options.months}", size, options.months)
        for size in sorted(options.customers)
    ]
    yield from map(Setup, found)
    if options.fsync_delay_ms:
        yield Setup(found[0], delay_ms=options.fsync_delay_ms)
    if options.low_end:
        yield Setup(found[-1], is_low_end=True)


def _list_on_postgres(
    options: argparse.Namespace, folder: Path, postgres: "Postgres"
) -> Iterator[Setup]:
    found = [
        Installation(
            folder / f"postgres-{size}",
            size,
            options.months,
            url=postgres.make_database(),
            postmaster=postgres.postmaster,
        )
        for size in sorted(options.customers)
    ]
    yield from map(Setup, found)
    yield Setup(found[0], round_trip_ms=ROUND_TRIP_MS)


def _add_other(
    setups: list[Setup], checkout: Checkout, postgres: "Postgres | None"
) -> Iterator[Setup]:
    """List each setup, and after it the same one of another checkout, with data of its own."""
    others: dict[Installation, Installation] = {}
    for setup in setups:
        ours = setup.installation
        if ours not in others:
            others[ours] = replace(
                ours,
                folder=ours.folder.with_name(f"{checkout.name}-{ours.folder.name}"),
                url=postgres.make_database() if postgres and ours.url else "",
                checkout=checkout,
            )
        yield setup
        yield replace(setup, installation=others[ours])


def _find_checkout(path: Path) -> Checkout:
    """Find another checkout, which its own Python runs. Raises RuntimeError without one."""
    root = path.absolute()
    python = root / ".venv" / "bin" / "python"
    if root == OWN_CHECKOUT.root or not os.access(python, os.X_OK):
        raise RuntimeError(f"{root} is not another checkout that has been set up: no {python}")
    return Checkout(root, str(python))

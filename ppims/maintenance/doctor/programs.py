"""The programs that PPIMS stands on: their versions against what it needs and was tried with."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata

from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.maintenance.doctor.place import Place

OLDEST_PYTHON, OLDEST_SQLITE = (3, 11), (3, 31)  # the second as Django's own
MOST_NAMED = 3
LOCK_FILE, POSTGRESQL_LOCK_FILE = "requirements.lock", "requirements-postgres.lock"
PIN_PATTERN = re.compile(r"^([a-z0-9.-]+)==([^ ;]+)( ;)?", re.MULTILINE)


def check_versions(place: Place) -> Iterator[Finding]:
    """Check Python's and SQLite's versions."""
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield refuse("programs.python", f"Python {python}", "install Python 3.11 or newer")
    else:
        yield approve("programs.python", f"Python {python}")
    if place.is_on_postgresql:
        return
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        mend = "install a Python with SQLite 3.31 or newer"
        yield refuse("programs.sqlite", f"SQLite {sqlite3.sqlite_version}", mend)
    else:
        yield approve("programs.sqlite", f"SQLite {sqlite3.sqlite_version}")


def check_packages(place: Place) -> Iterator[Finding]:
    """Check that what is installed is what the lock says."""
    lock = place.root / (POSTGRESQL_LOCK_FILE if place.is_on_postgresql else LOCK_FILE)
    if not lock.exists():  # an image may be without
        yield warn("programs.packages", f"there is no {lock.name}", "nothing, in an image without")
        return
    pins = PIN_PATTERN.findall(lock.read_text("utf-8"))
    others = [fault for fault in (_find_fault(*pin) for pin in pins) if fault]
    if not others:
        yield approve("programs.packages", f"{len(pins)} packages as in {lock.name}")
        return
    named = ", ".join(others[:MOST_NAMED]) + (" …" if len(others) > MOST_NAMED else "")
    mend = "rm .venv/ppims.stamp, and start by python3 -m ppims, which installs them"
    yield warn("programs.packages", f"other packages than in {lock.name}: {named}", mend)


def _find_fault(name: str, version: str, marker: str) -> str:
    """Say how a package differs from its pin; "": it doesn't."""
    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        # A marker leaves out what is for another system.
        return "" if marker else f"{name} {version} is missing"
    return "" if there == version else f"{name} {there}, not {version}"

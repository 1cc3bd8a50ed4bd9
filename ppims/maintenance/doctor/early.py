"""What is examined before the settings are read: they may be what is wrong, and reading them
repairs the modes of some files. No model is imported here.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from ppims.core.errors import Refusal
from ppims.db import outages
from ppims.maintenance.doctor import configuration, files, machine, programs
from ppims.maintenance.doctor.findings import (
    Finding,
    Level,
    count_levels,
    has,
    make_plain,
    refuse,
    warn,
    write_line,
)
from ppims.maintenance.doctor.place import Place, find_place

CHECKS = (
    *(files.check_folder, files.check_key_files, files.check_other_files),
    *(machine.check_room, machine.check_disk, machine.check_memory, machine.check_time_service),
    *(programs.check_versions, programs.check_packages, configuration.check_names),
    configuration.check_readable,  # the last one: it reads them
)

MEND_OF_ERRORS = "run doctor as the server's user and, on PostgreSQL, role; then look at its log"


def end_where_settings_are_refused(arguments: Sequence[str]) -> None:
    """Write what can be said without settings, and end this process, where they can't be read. To
    be called before anything reads them.
    """
    findings = examine_once()
    if findings[-1].level == Level.WRONG:
        sys.stdout.write(write_report(findings, as_json="--json" in arguments))
        sys.exit(1)


@cache
def examine_once() -> tuple[Finding, ...]:
    """Examine this process's own installation, once: later the files may be in order."""
    return tuple(examine(find_place()))


def examine(place: Place) -> Iterator[Finding]:
    """Examine what needs no settings; last, whether these can be read."""
    for check in CHECKS:
        yield from run_check(check.__name__, partial(check, place))


def run_check(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check by itself: one that can't look is a finding too, and no end of the others. What
    the database can't read, the server can't either.
    """
    try:
        yield from list(check())
    except (DatabaseError, InterfaceError, OSError, Refusal, ValueError) as error:
        is_of_database = isinstance(error, DatabaseError | InterfaceError)
        said = f"couldn't look: {describe_error(error)}"
        found = f"doctor.{name.removeprefix('check_')}"
        yield (refuse if is_of_database else warn)(found, said, MEND_OF_ERRORS)


def describe_error(error: Exception) -> str:
    """Say what an error is, without what it may quote: a row, or the password of a URL."""
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": ")
    code = outages.find_sqlstate(error) or getattr(error.__cause__, "sqlite_errorname", None)
    if code or not isinstance(error, DatabaseError | InterfaceError):
        return str(code or type(error).__name__)
    said, *_ = [*str(error).splitlines(), type(error).__name__]
    password = str(settings.DATABASES["default"].get("PASSWORD") or "")
    return said.replace(password, "…") if password else said


def write_report(findings: Sequence[Finding], *, as_json: bool) -> str:
    """Write all findings, for people or for programs."""
    if as_json:
        return json.dumps({"findings": make_plain(findings)}, indent=2, ensure_ascii=False) + "\n"
    lines = [write_line(each) for each in findings]
    return "\n".join([*lines, "", f"{count_levels(findings)}."]) + "\n"


def find_exit_code(findings: Sequence[Finding], *, is_strict: bool) -> int:
    """Find the exit code: 1 where anything is wrong, or, if strict, worth a look."""
    is_bad = has(findings, Level.WRONG) or (is_strict and has(findings, Level.WARNING))
    return int(is_bad)

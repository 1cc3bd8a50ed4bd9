"""What a check has found: a line for people, and the same for programs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a thing is: as it should be, worth a look, or to be mended."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What is so with one thing. `name` is stable: docs/runbook.md, "What doctor looks at". `mend`
    is the command or setting that puts it right; "" of what is good.
    """

    name: str
    level: Level
    text: str
    mend: str = ""


def approve(name: str, text: str) -> Finding:
    """Find a thing as it should be."""
    return Finding(name, Level.GOOD, text)


def warn(name: str, text: str, mend: str) -> Finding:
    """Find a thing that somebody should look at."""
    return Finding(name, Level.WARNING, text, mend)


def refuse(name: str, text: str, mend: str) -> Finding:
    """Find a thing that has to be put right."""
    return Finding(name, Level.WRONG, text, mend)


def has(findings: Iterable[Finding], level: Level) -> bool:
    """Whether anything is of a level."""
    return any(each.level == level for each in findings)


def write_line(finding: Finding) -> str:
    """Write a finding for people: what is so, and below it what mends it."""
    line = f"{finding.level:8} {finding.name:20} {finding.text}"
    return f"{line}\n{'':30}→ {finding.mend}" if finding.mend else line


def count_levels(findings: Iterable[Finding]) -> str:
    """Write how many there are of each level: "30 good, 2 warnings, 1 wrong"."""
    levels = [each.level for each in findings]
    good, warnings, wrong = (levels.count(each) for each in Level)
    return f"{good} good, {warnings} warning{'' if warnings == 1 else 's'}, {wrong} wrong"


def make_plain(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Make plain values of them, for JSON."""
    return [{key: str(value) for key, value in asdict(each).items()} for each in findings]

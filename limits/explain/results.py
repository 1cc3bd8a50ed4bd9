"""What an explanation says of a check or an entry: plain values, for whoever puts them into words.
Amounts are paise. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from limits.known import Check, Entry


class Line(NamedTuple):
    """An entry, or the check of an open hold, that a figure rests on; `paise` is what it adds."""

    id: int
    at: datetime
    kind: str  # of a hold: ""
    month: int
    paise: int
    ref_id: str
    processor_id: int | None
    unique_id_sent: int
    until: datetime | None = None


@dataclass(frozen=True)
class Resting:
    """What a sum rests on: the newest lines, and how many there are and what all come to."""

    lines: tuple[Line, ...] = ()
    count: int = 0
    paise: int = 0

    @property
    def more_count(self) -> int:
        return self.count - len(self.lines)

    @property
    def more_paise(self) -> int:
        return self.paise - sum(line.paise for line in self.lines)


@dataclass(frozen=True)
class Figures:
    """How a window stands: `left` is None without a limit, and below zero where it is overrun."""

    used: int
    held: int
    left: int | None


@dataclass(frozen=True)
class WindowThen:
    """One window at the row's instant, and the rule that limited it: without one `rule_id` is None.

    `before` and `after` are of a month or a financial year alone. `left` is what any other rule
    would have let pass, None where that could not be judged. `amount` of CREDIT_STOP is months, and
    `stops_at` when they are over.
    """

    window: str
    rule_id: int | None = None
    amount: int | None = None
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None
    months: tuple[int, ...] = ()
    before: Figures | None = None
    after: Figures | None = None
    left: int | None = None
    stops_at: datetime | None = None
    is_deciding: bool = False


@dataclass(frozen=True)
class StateThen:
    """Who the customer was at the instant. `is_account_active` is None where no account was named;
    `is_sure` is False within a minute of a change, where either may have been read.
    """

    tier: str
    tier_since: datetime
    is_blocked: bool
    is_account_active: bool | None
    is_sure: bool


class WhyNot(StrEnum):
    """Why an update was not taken for the answer of the check that it named."""

    UNKNOWN = "unknown"
    ANOTHERS = "another's"
    OTHER_DIRECTION = "of the other direction"
    SETTLED = "settled"


@dataclass(frozen=True)
class NamedCheck:
    """The check that an update named, at the update's instant; `why_not` where it did not answer
    it. Of another customer's check nothing is told.
    """

    check: Check | None = None
    is_held: bool = False
    settled_by: Line | None = None
    released_by: Line | None = None
    why_not: WhyNot | None = None


@dataclass(frozen=True)
class GivenBack:
    """The posting of which an entry gives back; `before` was given back of it by then."""

    posting: Entry
    before: int


class Compared(NamedTuple):
    """One field as it was recorded, and as it comes out when it is worked out anew."""

    name: str
    recorded: Any
    derived: Any

    @property
    def is_same(self) -> bool:
        return bool(self.recorded == self.derived)


@dataclass(frozen=True)
class Explained:
    """Why a check was answered, or an entry booked, as it was.

    `compared` are all fields that are worked out anew; none where the row would not come about
    anew: then `refusals` are the fields and why. `problems` say what else is wrong with the row and
    with what it rests on, in verification's words.
    """

    row: Check | Entry
    state: StateThen
    windows: tuple[WindowThen, ...] = ()
    entries: Resting = Resting()
    holds: Resting = Resting()
    used_by_month: Mapping[int, int] = field(default_factory=dict)
    named: NamedCheck | None = None
    given_back: GivenBack | None = None
    flags: tuple[tuple[str, bool, bool], ...] = ()  # each: recorded? worked out anew?
    compared: tuple[Compared, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    problems: Sequence[str] = ()

    @property
    def differing(self) -> list[Compared]:
        return [each for each in self.compared if not each.is_same]

    @property
    def is_as_recorded(self) -> bool:
        return not (self.differing or self.refusals or self.problems)

"""Where an update goes in the ledger, and how it is flagged. Pure: no clock, no database, no
Django. docs/ledger.md, "What an update does" and "Flags".

The services book by these rules, `limits.bulk` makes up histories by them, and verification holds
by them what is kept.
"""

from collections.abc import Sequence
from typing import NamedTuple

# The values of LedgerEntry.Kind and LedgerEntry.Flag, as plain texts: a member of an enumeration
# takes long to look up where there are many rows.
POST_KIND, RELEASE_KIND, REVERSE_KIND, ADJUST_KIND, MOVE_KIND = "S", "F", "R", "A", "M"
OPENING_KIND = "O"
LATE_FLAG, DECLINED_FLAG, UNCHECKED_FLAG = "LATE", "DECLINED", "UNCHECKED"
AMOUNT_DIFFERS_FLAG, OVER_LIMIT_FLAG, BLOCKED_FLAG = "AMOUNT_DIFFERS", "OVER_LIMIT", "BLOCKED"

EFFECT_SIGNS = {RELEASE_KIND: 0, REVERSE_KIND: -1}  # of all other kinds: 1
SETTLES_ITS_MONTH_MICROS = 30 * 24 * 3600 * 1_000_000


class KnownCheck(NamedTuple):
    """What is known of the check that an update names, at the update's instant.

    `age_micros` have passed since the check. `is_held`: its hold is open. `is_settled`: an earlier
    S has settled it.
    """

    is_allowed: bool
    month: int
    amount_paise: int
    age_micros: int
    is_held: bool
    is_settled: bool


class Place(NamedTuple):
    """The month that an update is booked in, the flags that its check gives it, and whether it
    answers that check: settles or releases it, and closes its hold.
    """

    month: int
    flags: tuple[str, ...] = ()
    answers_check: bool = False


def place_update(
    kind: str,
    amount_paise: int,
    arrival_month: int,
    *,
    check: KnownCheck | None = None,
    named_month: int = 0,
) -> Place:
    """Find where an update goes. `check` is the one that it names, if that is its customer's and of
    its direction; `named_month` that of the posting which an R reverses, or of what staff book.
    """
    if kind in (REVERSE_KIND, ADJUST_KIND, MOVE_KIND, OPENING_KIND):
        return Place(named_month)
    if check is None or check.is_settled:
        return Place(arrival_month, (UNCHECKED_FLAG,) if kind == POST_KIND else ())
    if kind == RELEASE_KIND:
        return Place(check.month, answers_check=True)
    is_of_its_month = check.is_allowed and check.age_micros <= SETTLES_ITS_MONTH_MICROS
    month = check.month if is_of_its_month else arrival_month
    return Place(month, _list_flags_of_check(check, amount_paise), answers_check=True)


def _list_flags_of_check(check: KnownCheck, amount_paise: int) -> tuple[str, ...]:
    flags = []
    if not check.is_allowed:
        flags.append(DECLINED_FLAG)
    elif not check.is_held:
        flags.append(LATE_FLAG)
    if amount_paise != check.amount_paise:
        flags.append(AMOUNT_DIFFERS_FLAG)
    return tuple(flags)


def find_effect_paise(kind: str, amount_paise: int) -> int:
    """Work out what an entry adds to what is used: an R takes away, an F moves nothing."""
    return EFFECT_SIGNS.get(kind, 1) * amount_paise


def list_flags(
    kind: str,
    amount_paise: int,
    flags: Sequence[str],
    *,
    limit_paise: int | None,
    used_and_held_paise: int,
    is_blocked: bool = False,
) -> list[str]:
    """List all flags of an entry, in the order in which they are kept: after those of its place,
    those of how the customer stands with it. Only what adds to its month is over a limit, and only
    a posting is flagged as blocked.

    `used_and_held_paise` are with the entry, by the rule with this limit.
    """
    found = [*flags]
    is_over = limit_paise is not None and used_and_held_paise > limit_paise
    if is_over and find_effect_paise(kind, amount_paise) > 0:
        found.append(OVER_LIMIT_FLAG)
    if is_blocked and kind == POST_KIND:
        found.append(BLOCKED_FLAG)
    return found

"""Money is whole paise in an int; rupees exist only as text, on the wire and on a screen."""

import re

AMOUNT_PATTERN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
BALANCE_PATTERN = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,2})?")


def to_paise(rupees: str) -> int:
    """Read an amount of more than zero: "2000.5" and "2000.50" are 200_050 paise.

    Raises ValueError for every other text (docs/api.md, "Values").
    """
    if not AMOUNT_PATTERN.fullmatch(rupees):
        raise ValueError("not an amount")
    paise = _read_paise(rupees)
    if paise == 0:
        raise ValueError("an amount is more than zero")
    return paise


def read_balance_paise(rupees: str) -> int:
    """Read a balance, which may be zero or negative. Raises ValueError."""
    if not BALANCE_PATTERN.fullmatch(rupees):
        raise ValueError("not a balance")
    return _read_paise(rupees)


def to_rupees(paise: int) -> str:
    """Write with exactly two decimals: 200_000 is "2000.00"."""
    sign = "-" if paise < 0 else ""
    return f"{sign}{abs(paise) // 100}.{abs(paise) % 100:02d}"


def _read_paise(text: str) -> int:
    whole, _, fraction = text.lstrip("-").partition(".")
    paise = int(whole) * 100 + int(fraction.ljust(2, "0"))
    return -paise if text.startswith("-") else paise

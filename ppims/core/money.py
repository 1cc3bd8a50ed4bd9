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


def to_inr(paise: int) -> str:
    """Write for a person in India: 1_234_567_890 is "₹1,23,45,678.90"."""
    sign = "-" if paise < 0 else ""
    whole, fraction = divmod(abs(paise), 100)
    head, tail = divmod(whole, 1000)
    if not head:
        return f"{sign}₹{tail}.{fraction:02d}"
    pairs = []
    while head:
        head, pair = divmod(head, 100)
        pairs.append(f"{pair:02d}" if head else str(pair))
    return f"{sign}₹{','.join(reversed(pairs))},{tail:03d}.{fraction:02d}"


def _read_paise(text: str) -> int:
    whole, _, fraction = text.lstrip("-").partition(".")
    paise = int(whole) * 100 + int(fraction.ljust(2, "0"))
    return -paise if text.startswith("-") else paise

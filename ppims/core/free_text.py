"""What people write in words: which characters it may hold, and when it says nothing.

PostgreSQL takes no NUL, a log or a statement has one line a row, and a control for bidirectional
text makes a page show other words than are on record. So a text that holds such a character is
refused, whoever wrote it, on either database.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator

from django.core.exceptions import ValidationError
from django.db.models import Model
from stdnum import luhn, verhoeff

from ppims.core.errors import Malformed

# Controls, and the ends of lines and paragraphs.
FORBIDDEN_CATEGORIES = {"Cc", "Zl", "Zp"}
# The joiners U+200C and 200D stay: names in Indian scripts are written with them.
BIDI_CONTROLS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
IN_SEVERAL_LINES = {"\n", "\r", "\t"}
# What nobody sees: spaces, and formats such as joiners and soft hyphens.
UNSEEN_CATEGORIES = {"Zs", "Cf", *FORBIDDEN_CATEGORIES}
NO_CONTROLS = "must have no control characters"

# Digits, and what people put between those of one number: spaces, hyphens, what is not seen.
NUMBER_PATTERN = re.compile(r"\d(?:[\s\u00ad\u200b-\u200d\u2010-\u2015\u2060\u2212-]*\d)*")
AADHAAR_DIGITS = 12
CARD_DIGITS = {13, 14, 16, 17, 18, 19}  # with 15 it may be a Unique_Id
# A Unique_Id, and a mobile number with 91 or without: what stands beside one is another number.
OWN_NUMBER = re.compile(r"\d{15}|(?:91)?[6-9]\d{9}")
NO_NUMBERS = "must hold no whole document or card number: write its last four digits"


def trim(text: str) -> str:
    """Take away the spaces around a text, and all of it where there is nothing to see in it."""
    if text.isascii():
        return text.strip()
    is_seen = any(unicodedata.category(c) not in UNSEEN_CATEGORIES for c in text)
    return text.strip() if is_seen else ""


def has_controls(text: str, *, but: Collection[str] = ()) -> bool:
    """Return whether a text holds controls, but for some that are allowed."""
    if text.isprintable():  # most texts are: then it holds neither controls nor formats
        return False
    return any(
        c in BIDI_CONTROLS or unicodedata.category(c) in FORBIDDEN_CATEGORIES
        for c in text
        if c not in but
    )


# What staff write: notes, reasons, findings.


def require_text(text: str, field: str, *, most: int) -> str:
    """Trim what one of the staff wrote. Raises Malformed, naming the field, where it says nothing,
    has more than `most` characters, or holds what it may not.
    """
    said = trim(text)
    if not said or len(said) > most:
        raise Malformed([(field, f"is required, and {most} characters at most")])
    if fault := _find_fault(said):
        raise Malformed([(field, fault)])
    return said


def validate(text: str) -> None:
    """Check a form's field by the rules of `require_text`. Raises ValidationError."""
    if fault := _find_fault(text) if trim(text) else "is required":
        raise ValidationError(fault)


def validate_row(row: Model) -> None:
    """Check each text of a row that a form is about to save. Raises ValidationError, naming each
    field that has controls.
    """
    texts = {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}
    faults = {n: NO_CONTROLS for n, it in texts.items() if isinstance(it, str) and has_controls(it)}
    if faults:
        raise ValidationError(faults)


def _find_fault(text: str) -> str:
    if has_controls(text, but=IN_SEVERAL_LINES):
        return NO_CONTROLS
    return NO_NUMBERS if any(map(_is_secret, _list_numbers(text))) else ""


def _list_numbers(text: str) -> Iterator[str]:
    """List in plain digits each number that a text may hold, in whatever groups it is written."""
    for found in NUMBER_PATTERN.finditer(text):
        groups = [
            "".join(str(unicodedata.decimal(digit)) for digit in group)
            for group in re.findall(r"\d+", found[0])
        ]
        # A number may begin with any group: what stands before it may be another one.
        for first in range(len(groups)):
            yield from _list_numbers_from(groups[first:])


def _list_numbers_from(groups: list[str]) -> Iterator[str]:
    number = ""
    for group in groups:
        is_own = OWN_NUMBER.fullmatch(group)
        if number and is_own:
            return
        number += group
        yield number
        if is_own or len(number) > max(CARD_DIGITS):
            return


def _is_secret(number: str) -> bool:
    if OWN_NUMBER.fullmatch(number):
        return False
    if len(number) == AADHAAR_DIGITS:
        return bool(verhoeff.is_valid(number))
    return len(number) in CARD_DIGITS and bool(luhn.is_valid(number))

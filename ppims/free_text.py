"""What people write in words: which characters it may hold, and when it says nothing.

PostgreSQL takes no NUL, a log or a statement is one line a row, and a control for bidirectional
text makes a page show other words than are on record: so every text that holds such a character is
refused, of processors and of staff alike, on either database.
"""

import unicodedata
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db.models import Model

from ppims.errors import Malformed

# Controls, and the ends of lines and paragraphs.
FORBIDDEN_CATEGORIES = {"Cc", "Zl", "Zp"}
# The joiners U+200C and 200D stay: names in Indian scripts are written with them.
BIDI_CONTROLS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
IN_SEVERAL_LINES = {"\n", "\r", "\t"}
# What nobody sees: spaces, and formats such as joiners and soft hyphens.
UNSEEN_CATEGORIES = {"Zs", "Cf", *FORBIDDEN_CATEGORIES}
NO_CONTROLS = "must have no control characters"


def trim(text: str) -> str:
    """Take away the spaces around a text; all of one in which there is nothing to see."""
    if text.isascii():
        return text.strip()
    is_seen = any(unicodedata.category(c) not in UNSEEN_CATEGORIES for c in text)
    return text.strip() if is_seen else ""


def has_controls(text: str, *, but: Collection[str] = ()) -> bool:
    """Tell whether a text holds controls, but for some that are allowed."""
    if text.isprintable():  # neither controls nor formats are
        return False
    return any(
        c in BIDI_CONTROLS or unicodedata.category(c) in FORBIDDEN_CATEGORIES
        for c in text
        if c not in but
    )


# What staff write: notes, reasons, findings.


def require_text(text: str, field: str, *, most: int) -> str:
    """Give what a person of the staff wrote, trimmed, of so many characters at most.

    Raises Malformed, naming the field, where it says nothing, is longer, or holds what it may not.
    """
    said = trim(text)
    if not said or len(said) > most:
        raise Malformed([(field, f"is required, and {most} characters at most")])
    if fault := _fault_of(said):
        raise Malformed([(field, fault)])
    return said


def validate(text: str) -> None:
    """Judge what a form's field holds by the rules of `require_text`, as Django's validators do."""
    if fault := _fault_of(text) if trim(text) else "is required":
        raise ValidationError(fault)


def validate_row(row: Model) -> None:
    """Judge each text of a row that a form is about to save. Raises ValidationError naming them."""
    texts = {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}
    faults = {n: NO_CONTROLS for n, it in texts.items() if isinstance(it, str) and has_controls(it)}
    if faults:
        raise ValidationError(faults)


def _fault_of(text: str) -> str:
    """Say what is wrong with a text of one's own words; "" where nothing is."""
    return NO_CONTROLS if has_controls(text, but=IN_SEVERAL_LINES) else ""

"""Cells of files of comma-separated values, which people open in spreadsheets."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would reckon with


def quote_formula(text: str) -> str:
    """Keep a spreadsheet from reckoning with a text."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) and not _is_number(text) else text


def read_back_formula(text: str) -> str:
    """Read back what `quote_formula` has written."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_SIGNS) else text


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()

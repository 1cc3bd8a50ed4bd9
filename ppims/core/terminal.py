"""Output that any terminal can show. Standard library only: the first start needs it too."""

import codecs
import io
import sys

PLAIN_SIGNS = {"₹": "Rs ", "–": "-", "—": "-", "−": "-", "’": "'", "…": "...", "×": "x", "·": "-"}


def write_on_any_terminal() -> None:
    """Write in ASCII what a terminal can't show, such as the rupee's sign, and a letter of another
    script as \\u0905. Otherwise a command would stop with an error.
    """
    codecs.register_error("plainly", _describe_plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")


def _describe_plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    escaped = (sign.encode("ascii", "backslashreplace").decode() for sign in signs)
    return "".join(map(PLAIN_SIGNS.get, signs, escaped)), error.end

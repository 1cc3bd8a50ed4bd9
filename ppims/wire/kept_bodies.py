"""What may be kept of a request's Data: everything but who asks, and by which password."""

from collections.abc import Iterator
from typing import Any

# Why a request's body is not kept.
TOO_LARGE_BODY, UNREADABLE_BODY, UNREAD_BODY = "too large", "unreadable", "not read"
LEFT_OUT = "[left out]"
# Characters: a shorter password is looked for as a whole value alone. The demo's have six, which
# everybody knows, and a Ref_Id of ENT's may well begin with them.
FEWEST_TO_LOOK_FOR = 8
# More than anybody needs; and each level is another two blanks before a line, each password another
# look at every value.
MOST_LEVELS, MOST_SECRETS = 20, 20


def strip_credentials(data: dict[str, Any], *, keeps_username: bool) -> dict[str, Any]:
    """Copy Data without any field that is called a password, at any depth and in any case, and
    without its value wherever else it stands. `keeps_username` is for who was recognized: of
    others nothing says whether that isn't the password. Raises ValueError, or RecursionError, where
    it is nested too deep, or has too many passwords.
    """
    words = ("password",) if keeps_username else ("password", "username")
    secrets = {text for text in _list_secrets(data, words) if text}
    if len(secrets) > MOST_SECRETS:
        raise ValueError("too many passwords")
    stripped: dict[str, Any] = _strip(data, words, secrets, MOST_LEVELS)
    return stripped


def _list_secrets(value: Any, words: tuple[str, ...]) -> Iterator[str]:
    """Yield each text and number that stands in a field so called, or below one."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _list_texts(each) if _is_called(name, words) else _list_secrets(each, words)
    elif isinstance(value, list):
        for each in value:
            yield from _list_secrets(each, words)


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _list_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _list_texts(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _is_called(name: str, words: tuple[str, ...]) -> bool:
    folded = name.casefold()
    letters = folded.replace("_", "")
    if not letters.isalnum():  # as almost none is
        letters = "".join(filter(str.isalnum, letters))
    return words[0] in letters or words[-1] in letters


def _strip(value: Any, words: tuple[str, ...], secrets: set[str], levels: int) -> Any:
    if levels == 0:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {
            name: _strip(each, words, secrets, levels - 1)
            for name, each in value.items()
            if not _is_called(name, words) and not _says(name, secrets)
        }
    if isinstance(value, list):
        return [_strip(each, words, secrets, levels - 1) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    return LEFT_OUT if _says(str(value), secrets) else value


def _says(text: str, secrets: set[str]) -> bool:
    for secret in secrets:
        if secret == text or (len(secret) >= FEWEST_TO_LOOK_FOR and secret in text):
            return True
    return False

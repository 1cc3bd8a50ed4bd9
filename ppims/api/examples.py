"""The golden messages (fixtures/wire) as examples: what is sent, what is answered, and when."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from ppims.api.example_words import PLACES, WHEN_ANSWERED, name_words
from ppims.core.errors import (
    Conflict,
    Fault,
    Forbidden,
    Malformed,
    NotAuthenticated,
    Refusal,
    TooLarge,
    TooManyAttempts,
    Unavailable,
)

DONE_CODES = {"000", "200"}
GOLDEN_FOLDER = settings.BASE_DIR / "fixtures" / "wire"
REFUSALS: tuple[type[Refusal], ...] = (
    Malformed,
    NotAuthenticated,
    Forbidden,
    Conflict,
    TooLarge,
    TooManyAttempts,
    Fault,
    Unavailable,
)


@dataclass(frozen=True)
class Example:
    """A golden answer. `request` is None where no request alone brings it about."""

    case: str
    status: int
    code: str
    request: Any
    reply: Any
    words: str  # the name of what says when it comes

    @property
    def title(self) -> str:
        return self.case.replace("-", " ").capitalize()

    @property
    def is_done(self) -> bool:
        return self.code in DONE_CODES

    @property
    def sent(self) -> str:
        return "" if self.request is None else write_json(self.request)

    @property
    def answered(self) -> str:
        return write_json(self.reply)

    @property
    def when(self) -> str:
        return str(WHEN_ANSWERED[self.words])


def find_http_status(resp_code: str) -> int:
    """Find the HTTP status that goes with a Resp_Code (413 apart, whose Resp_Code is 400)."""
    return {refusal.code: refusal.http for refusal in REFUSALS if refusal is not TooLarge}.get(
        resp_code, 200
    )


@cache
def list_examples(operation: str) -> list[Example]:
    """List an operation's golden answers, what is done first."""
    found = [_read_example(file) for file in GOLDEN_FOLDER.glob(f"{operation}.*.reply.json")]
    return sorted(found, key=lambda example: PLACES[example.words])


def write_json(message: Any) -> str:
    """Write a message as a person reads it."""
    return json.dumps(message, indent=2, ensure_ascii=False)


def _read_example(file: Path) -> Example:
    operation, case, *_ = file.name.split(".")
    reply = _read(file)
    code = reply["Data"]["Resp_Code"]
    sent = file.with_name(file.name.replace(".reply.", ".request."))
    return Example(
        case=case,
        status=TooLarge.http if case == "too-large" else find_http_status(code),
        code=code,
        request=_read(sent) if sent.exists() else None,
        reply=reply,
        words=name_words(operation, case),
    )


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))

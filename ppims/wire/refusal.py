"""The reply to a request that is refused."""

from collections.abc import Mapping
from typing import Any

from ppims.core.errors import Refusal, TooLarge, UnreadableBody
from ppims.wire.envelope import BODY_LIMIT_BYTES, spell_wire_name


def make_refusal_body(refusal: Refusal, word: str, blank: Mapping[str, str]) -> dict[str, Any]:
    """Shape a refusal: `blank` has every documented field, and Meta names what is wrong."""
    has_errors = refusal.errors or refusal.http in {400, 413}
    return {
        "Data": {**blank, "Resp_Code": refusal.code},
        "Risk": {},
        "Links": {},
        "Meta": {"Errors": _list_errors(refusal, word)} if has_errors else {},
    }


def _list_errors(refusal: Refusal, word: str) -> list[dict[str, str]]:
    if isinstance(refusal, TooLarge):
        return [{"Field": "Data", "Message": f"The body is over {BODY_LIMIT_BYTES} bytes."}]
    if isinstance(refusal, UnreadableBody):
        text = f"The body is not JSON with an object Data.{word} in it."
        return [{"Field": "Data", "Message": text}]
    return [
        {
            "Field": f"Data.{word}.{spell_wire_name(name)}" if name else f"Data.{word}",
            "Message": message,
        }
        for name, message in refusal.errors
    ]

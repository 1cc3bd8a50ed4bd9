"""The reply to a request that is refused."""

from collections.abc import Mapping
from typing import Any

from ppims.core.errors import Refusal, TooLarge, UnreadableBody
from ppims.wire.envelope import BODY_LIMIT_BYTES, spell_wire_name


def make_refusal_body(refusal: Refusal, word: str, blank: Mapping[str, str]) -> dict[str, Any]:
    """Shape a refusal: every documented field is written, as "NA", and Meta names what is wrong."""
    return {
        "Data": {**blank, "Resp_Code": refusal.code},
        "Risk": {},
        "Links": {},
        "Meta": {"Errors": _list_errors(refusal, word)}
        if refusal.errors or refusal.http in {400, 413}
        else {},
    }


def _list_errors(refusal: Refusal, word: str) -> list[dict[str, str]]:
    if isinstance(refusal, TooLarge):
        return [{"Field": "Data", "Message": f"The body is over {BODY_LIMIT_BYTES} bytes."}]
    if isinstance(refusal, UnreadableBody):
        return [
            {"Field": "Data", "Message": f"The body is not JSON with an object Data.{word} in it."}
        ]
    return [
        {
            "Field": f"Data.{word}.{spell_wire_name(name)}" if name else f"Data.{word}",
            "Message": message,
        }
        for name, message in refusal.errors
    ]

"""Where it isn't production, each call that reached an operation is kept with what was sent and
answered, for the page Calls: whoever builds against a demo sees there what became of it.
"""

import re
from typing import Any

from pydantic_core import to_json

from ppims.api import root
from ppims.core import clock
from ppims.core.errors import Forbidden, TooLarge, UnreadableBody
from ppims.services import call_buffer
from ppims.services.call_buffer import read_ref
from ppims.wire.kept_bodies import TOO_LARGE_BODY, UNREAD_BODY, UNREADABLE_BODY, strip_credentials
from ppims.wire.reply import WireReply

UNIQUE_ID, LONGEST_FAULT = re.compile("[1-9][0-9]{14}"), 100


def note_call(request: root.WireRequest, reply: WireReply, milliseconds: float) -> None:
    """Note a call, in some microseconds. Never waits, never fails."""
    word, _ = root.OPERATIONS.get(request.operation, ("", None))
    refusal, known = request.refusal, request.processor_id
    # What came from elsewhere, or not by HTTPS, was not looked at.
    if not word or request.method != "POST" or (isinstance(refusal, Forbidden) and not known):
        return
    data, sent = _write_sent(request, word)
    message: Any = data.get(word)
    if not isinstance(message, dict):
        message = {}
    row = {
        "at": clock.now(),
        "processor_id": known or None,
        "operation": request.operation,
        "request_id": request.id,
        "ref_id": read_ref(message.get("Ref_Id")),
        "tran_id": read_ref(message.get("Tran_Id")),
        "enquiry_ref_id": read_ref(message.get("Enquiry_Ref_Id")),
        "unique_id": _read_unique_id(message.get("Unique_Id")),
        "code": reply.resp_code,
        "is_refused": refusal is not None,
        "fields": root.list_named_fields(refusal) if refusal else "",
        "http_status": reply.status_code,
        "milliseconds": round(milliseconds),
        "fault": request.fault[:LONGEST_FAULT],
    }
    call_buffer.buffer.note_whole(row, sent, reply.content)


def _write_sent(request: root.WireRequest, word: str) -> tuple[dict[str, Any], bytes]:
    """Write what is kept of a request: its Data without credentials, or why there is none."""
    if body := getattr(request, "wire_body", None):
        try:
            data = strip_credentials(body["Data"], keeps_username=bool(request.processor_id))
            return data, to_json({"word": word, "data": data})
        except (RecursionError, ValueError):  # it has more in it than anybody needs
            pass
    return {}, to_json(_describe_unkept(request))


def _describe_unkept(request: root.WireRequest) -> dict[str, Any]:
    refusal = request.refusal
    why = UNREADABLE_BODY if isinstance(refusal, UnreadableBody) else UNREAD_BODY
    size = str(request.META.get("CONTENT_LENGTH") or "")
    return {
        "why": TOO_LARGE_BODY if isinstance(refusal, TooLarge) else why,
        "bytes": int(size) if re.fullmatch("[0-9]{1,12}", size) else None,
    }


def _read_unique_id(value: object) -> int | None:
    return int(value) if isinstance(value, str) and UNIQUE_ID.fullmatch(value) else None

"""One call of a demo: what was sent and answered side by side, what became of it, and a command
that sends it again.
"""

import json
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from ppims.backoffice.access import open_page
from ppims.backoffice.call_bodies import (
    list_answer_lines,
    list_errors,
    list_request_lines,
    write_curl,
)
from ppims.backoffice.call_outcome import READ_OPERATIONS, describe_check, describe_outcome
from ppims.backoffice.transaction_detail import Fact
from ppims.core.formats import write_ist_second
from ppims.core.keys import KeyMissing
from ppims.models import KeptCall
from ppims.reports.calls import list_kept
from ppims.reports.keyset import PAST_ALL_IDS
from ppims.wire.kept_bodies import TOO_LARGE_BODY, UNREADABLE_BODY

Bodies = dict[str, Any]


@open_page("ppims.view_keptcall")
def call(request: HttpRequest, call_id: int) -> HttpResponse:
    """Show a call; in production there is no such page."""
    if not settings.PPIMS_KEEPS_BODIES or call_id > PAST_ALL_IDS:
        raise Http404
    kept = get_object_or_404(list_kept().select_related("processor").defer(None), pk=call_id)
    bodies = _read_bodies(kept)
    answered = bodies.get("answered", {})
    context = {
        "call": kept,
        "is_read": kept.operation in READ_OPERATIONS,
        "facts": [fact for fact in _list_facts(kept, answered) if fact.value],
        **_describe_bodies(request, kept, bodies),
    }
    return render(request, "ppims/call.html", context)


def _read_bodies(kept: KeptCall) -> Bodies:
    """Decrypt the bodies; none where they were not kept, or can't be read here."""
    if not kept.sealed:
        return {}
    try:
        found: Bodies = json.loads(kept.open_bodies())
    except (KeyMissing, InvalidTag):
        return {}
    return found


def _list_facts(kept: KeptCall, answered: Bodies) -> list[Fact]:
    is_replayed = bool(answered.get("Meta", {}).get("Replayed"))
    took = _("%(count)s ms") % {"count": kept.milliseconds} if kept.http_status else ""
    return [
        *describe_outcome(kept, is_replayed=is_replayed),
        *describe_check(kept),
        Fact(_("Made of the answer, on Demo"), kept.fault),
        Fact(_("From"), str(kept.processor or _("Nobody who is known"))),
        Fact(_("Time"), write_ist_second(kept.at)),
        Fact(_("Took"), took),
        Fact("HTTP", str(kept.http_status or ""), is_code=True),
        Fact("Ref_Id", kept.ref_id, is_code=True),
        Fact("Tran_Id", kept.tran_id, is_code=True),
        Fact(_("Request id"), kept.request_id, is_code=True),
    ]


def _describe_bodies(request: HttpRequest, kept: KeptCall, bodies: Bodies) -> Bodies:
    if not bodies:
        return {"unkept": _("Its bodies are not kept.")}
    sent, answered = bodies["sent"], bodies["answered"]
    data = sent.get("data")
    shown: Bodies = {"answered": list_answer_lines(answered, data or {})}
    if data is None:
        return {**shown, "unkept": _describe_unkept(sent)}
    errors = list_errors(answered)
    address = request.build_absolute_uri(f"/{settings.PPIMS_API_PREFIXES[0]}/{kept.operation}")
    curl, to_put_in = write_curl(address, data)
    sent_lines = list_request_lines(data, sent["word"], errors)
    return {**shown, "sent": sent_lines, "curl": curl, "to_put_in": to_put_in}


def _describe_unkept(sent: Bodies) -> str:
    words = {
        TOO_LARGE_BODY: _("The body is over 64 KiB, so it was not read."),
        UNREADABLE_BODY: _("The body is not the JSON that is asked for. It is not kept."),
    }
    said = words.get(sent["why"], _("The body could not be read. It is not kept."))
    if sent["bytes"] is None:
        return said
    return f"{said} {_('It had %(count)s bytes.') % {'count': sent['bytes']}}"

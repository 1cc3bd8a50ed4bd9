"""The queue of flagged postings."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.models import LedgerEntry, LimitCheck, PostingFinding
from limits.services import findings
from ppims.backoffice import labels
from ppims.backoffice.access import open_page
from ppims.backoffice.closing import Closable, respond_with_closable, respond_with_closables
from ppims.backoffice.queue import Queue, require_to_send
from ppims.backoffice.transaction_detail import (
    describe_flags,
    write_correction_address,
    write_transaction_address,
)
from ppims.core.formats import inr, ist
from ppims.reports import flagged
from ppims.reports.overview_counts import find_flagged_position
from ppims.reports.records import Source
from ppims.services.accounts import get_staff

FINDINGS = PostingFinding.Finding
Flag = LedgerEntry.Flag
FLAGS_OF_CHECK = {Flag.UNCHECKED, Flag.AMOUNT_DIFFERS}  # told by the check that stands beside


@open_page("limits.view_ledgerentry")
def flagged_list(request: HttpRequest) -> HttpResponse:
    """List the flagged postings that wait for a finding, or those that were closed."""
    return respond_with_closables(request, FLAGGED_POSTINGS)


@open_page("limits.view_ledgerentry", methods=("GET", "POST"))
def flagged_posting(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Say what happened beside what was checked, and take a note, or a finding that closes it."""
    require_to_send(request, FLAGGED_POSTINGS.queue.permission)
    entries = flagged.add_related(LedgerEntry.objects.exclude(flags=""))
    entry = get_object_or_404(entries, pk=entry_id)
    return respond_with_closable(
        request,
        FLAGGED_POSTINGS,
        entry,
        partial(_describe, entry),
        send_aside=partial(_send_to_correction, request, entry),
    )


def describe_posting(entry: LedgerEntry) -> str:
    """Say in a line what was unusual: "Spend after its hold ended and over the limit"."""
    words = {"type": entry.get_direction_display(), "flags": labels.name_flags(entry.flags)}
    return gettext("%(type)s %(flags)s") % words


def _send_to_correction(request: HttpRequest, entry: LedgerEntry, chosen: str, note: str) -> str:
    """Where nothing has put it right yet: keep the note, and lead to the correction that closes the
    entry.
    """
    user = get_staff(request)
    is_led = chosen == FINDINGS.PUT_RIGHT and user.has_perm("limits.propose_adjustment")
    if not is_led or findings.find_closing(entry) or findings.is_put_right(entry):
        return ""
    findings.note(entry, finding="", note=note, user=user)
    messages.info(request, gettext("The note is kept. Propose the correction: that closes it."))
    return write_correction_address(entry, is_closing=True)


def _describe(entry: LedgerEntry) -> dict[str, Any]:
    sentences = dict(zip(map(Flag, entry.flag_list), describe_flags(entry), strict=True))
    return {
        "happened": [said for flag, said in sentences.items() if flag not in FLAGS_OF_CHECK],
        "check": _describe_check(entry.limit_check) if entry.limit_check else None,
        "unchecked": sentences.get(Flag.UNCHECKED, ""),
        "details_address": write_transaction_address(Source.ENTRY, entry.pk),
        "correct_address": write_correction_address(entry),
    }


def _describe_check(check: LimitCheck) -> dict[str, str]:
    return {
        "amount": inr(check.amount_paise),
        "at": ist(check.at),
        "outcome": labels.lower_first(labels.name_outcome(check.is_allowed, check.reason)),
    }


FLAGGED_POSTINGS = Closable(
    Queue(
        "flagged",
        "limits.add_postingfinding",
        flagged.walk,
        lambda at: reverse("flagged-posting", args=[at.id]),
        find_flagged_position,
    ),
    title=_("Flagged postings"),
    template="limits/flagged_posting.html",
    item_name="flagged-posting",
    effects={
        FINDINGS.GENUINE: _("Nothing changes: it counts as posted."),
        FINDINGS.PUT_RIGHT: _(
            "The processor has reversed it, or a correction waits. If neither is so, you propose"
            " the correction next."
        ),
        FINDINGS.REPORTED: _("It counts as posted; those who report such spends know of it."),
    },
    list_waiting=lambda cursor: flagged.list_waiting(find_flagged_position(), cursor=cursor),
    list_closed=lambda cursor: flagged.list_closed(cursor=cursor),
    find_position=flagged.find_position,
    describe_line=describe_posting,
)

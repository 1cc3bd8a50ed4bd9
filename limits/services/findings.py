"""What staff note of a flagged posting or a refused report, and what they find it to be."""

from django.db import IntegrityError
from django.db.models import QuerySet

from limits.models import LedgerEntry, PostingFinding, RefusedReport, ReportFinding
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services import audit

Finding = PostingFinding | ReportFinding


@wrap_in_transaction
def note(about: LedgerEntry | RefusedReport, *, finding: str, note: str, user: User) -> Finding:
    """Keep a note on a flagged posting or a refused report; with a finding it is closed.

    Raises Malformed without a note that may be kept, Conflict where there is no flag or it is
    closed.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    kept: Finding
    if isinstance(about, LedgerEntry):
        if not about.flags:
            raise Conflict([("entry", "is not flagged")])
        name, kept = "entry", PostingFinding(entry=about)
    else:
        name, kept = "report", ReportFinding(report=about)
    kept.customer_id, kept.user, kept.at = about.customer_id, user, clock.now()
    kept.finding, kept.note = kept.Finding(finding) if finding else "", said
    try:
        kept.save(force_insert=True)
    except IntegrityError:  # a constraint lets one finding close it
        raise Conflict([(name, "was closed before")]) from None
    audit.record(
        f"{'flagged posting' if name == 'entry' else 'refused report'}"
        f" {'closed' if finding else 'noted'}",
        at=kept.at,
        subject=kept.customer_id,
        user=user,
        detail={name: about.pk, "finding": kept.finding, "reason": said},
        rows=[kept],
    )
    return kept


def find_closing(about: LedgerEntry | RefusedReport) -> Finding | None:
    """Return what a flagged posting or a refused report was found to be; None: it waits."""
    return next((kept for kept in list_notes(about) if kept.finding), None)


def list_notes(about: LedgerEntry | RefusedReport) -> list[Finding]:
    """List what was noted, the finding among it, in the order it was."""
    noted: QuerySet[PostingFinding] | QuerySet[ReportFinding]
    if isinstance(about, LedgerEntry):
        noted = PostingFinding.objects.filter(customer_id=about.customer_id, entry=about)
    else:
        noted = ReportFinding.objects.filter(customer_id=about.customer_id, report=about)
    return sorted(noted.select_related("user"), key=lambda kept: kept.pk)

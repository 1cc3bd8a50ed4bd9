"""What staff note of a flagged posting or a refused report, and what they find it to be."""

from collections.abc import Sequence

from django.db import IntegrityError
from django.db.models import Q, QuerySet

from customers import survivors
from limits import queries
from limits.models import Adjustment, LedgerEntry, PostingFinding, RefusedReport, ReportFinding
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, User
from ppims.services import audit

Finding = PostingFinding | ReportFinding
COUNTING_STATES = (FourEyes.State.PROPOSED, FourEyes.State.APPROVED)


@wrap_in_transaction
def note(about: LedgerEntry | RefusedReport, *, finding: str, note: str, user: User) -> Finding:
    """Keep a note on a flagged posting or a refused report; with a finding it is closed.

    Raises Malformed without a note that may be kept, Conflict where there is no flag or it is
    closed, or where it is to be closed as put right and nothing has put it right.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    kept: Finding
    if isinstance(about, LedgerEntry):
        if not about.flags:
            raise Conflict([("entry", "is not flagged")])
        if finding == PostingFinding.Finding.PUT_RIGHT and not is_put_right(about):
            raise Conflict([("finding", "needs a reversal or a correction: propose one first")])
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


def is_put_right(entry: LedgerEntry) -> bool:
    """Return whether a flagged entry was reversed or corrected since, or a correction waits: one
    that names it, or one of its month and direction that names none.
    """
    if queries.sum_given_back([entry]):
        return True
    of_its_month = Q(
        posting_id=None, month=entry.month, direction=entry.direction, proposed_at__gte=entry.at
    )
    corrections = Adjustment.objects.filter(
        ~Q(pk=entry.adjustment_id or 0),
        customer_id__in=survivors.list_family(find_owner(entry)),
        state__in=COUNTING_STATES,
    )
    return corrections.filter(Q(posting_id=entry.pk) | of_its_month).exists()


def find_owner(about: LedgerEntry | RefusedReport) -> int:
    """Find whose a posting, a correction, a move or a report is now: another's than the ledger's
    that it is in, where that was merged since, or the Unique_Id that it named was parted.
    """
    (owner,) = find_owners([about])
    return owner


def find_owners(about: Sequence[LedgerEntry | RefusedReport]) -> list[int]:
    """Find the same of several, in their order."""
    moved = LedgerEntry.Kind.MOVE
    named = [
        each.customer_id if getattr(each, "kind", "") == moved else each.unique_id_sent
        for each in about
    ]
    roots = survivors.find_roots(named)
    return [roots[each] for each in named]


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

"""What staff see of a customer unmasked, or take away as a file: on record before it leaves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from customers import survivors
from ppims.core import clock
from ppims.core.free_text import require_text
from ppims.db import statements
from ppims.db.instants import to_indexed, write_indexed
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, AuditEntry, FailedAccess, User
from ppims.services import access, audit

REVEALS_WINDOW = timedelta(hours=1)
REVEAL_ACTION = "personal data revealed"
SHOWN_WITH = "shown_with"  # of an entry: the look was at this one, who is the same person
# The second condition is that of the index.
READ_LOOKS = """
    SELECT id FROM ppims_auditentry WHERE {at} > %s AND user_id = %s AND action = %s
    AND (processor_id IS NULL OR user_id IS NOT NULL)
"""


@dataclass(frozen=True)
class Viewer:
    """Who looks, and from which address (ppims/services/access.py, find_source)."""

    user: User
    source: str


class TooManyReveals(Exception):
    """PPIMS_REVEALS_PER_HOUR are used up. `until` is when the next one may be."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many reveals")
        self.until = until


def reveal(*, customer_id: int, reason: str, viewer: Viewer) -> None:
    """Put on record that somebody looks at a customer's personal data, and why. Raises Malformed
    without a reason that may be kept, and TooManyReveals, which is counted as a failure.
    """
    said = require_text(reason, "reason", most=LONGEST_NOTE)
    until = _reveal(customer_id, said, viewer)
    if until:
        access.count_failure(user=viewer.user, source=viewer.source, kind=FailedAccess.Kind.REVEAL)
        raise TooManyReveals(until)


@wrap_in_transaction
def _reveal(customer_id: int, reason: str, viewer: Viewer) -> datetime | None:
    """Record a look; or tell, without one, when the next may be."""
    access.lock_person(viewer.user.pk)  # of two looks at once one is the last that is allowed
    at, allowed = clock.now(), settings.PPIMS_REVEALS_PER_HOUR
    looks = _list_looks(viewer.user, at - REVEALS_WINDOW)
    if len(looks) >= allowed:
        return looks[-allowed] + REVEALS_WINDOW
    _record_of_person(REVEAL_ACTION, customer_id, viewer, reason=reason)
    return None


def _list_looks(user: User, after: datetime) -> list[datetime]:
    """List when somebody has looked, since an instant: of a person with several ids once."""
    rows = statements.read_rows(
        READ_LOOKS.format(at=write_indexed("at")), [to_indexed(after), user.pk, REVEAL_ACTION]
    )
    entries = AuditEntry.objects.filter(pk__in=[pk for (pk,) in rows]).order_by("at", "pk")
    return [each.at for each in entries if SHOWN_WITH not in audit.read_detail(each)]


def export_statement(
    *, customer_id: int, since: datetime | None, until: datetime | None, rows: int, viewer: Viewer
) -> None:
    """Put on record that somebody takes a customer's statement away, of when, and how many rows."""
    told = {"since": since, "until": until, "rows": rows}
    _record_of_person("statement exported", customer_id, viewer, **told)


def export_transactions(
    *, asked: dict[str, str], since: datetime | None, until: datetime | None, viewer: Viewer
) -> None:
    """Put on record that somebody takes transactions away: by which filters, and of when."""
    told = {"since": since, "until": until, "asked": asked}
    _record("transactions exported", audit.NO_CUSTOMER, viewer, **told)


def export_customers(*, asked: dict[str, str], viewer: Viewer) -> None:
    """Put on record that somebody takes customers away, masked: by which filters."""
    _record("customers exported", audit.NO_CUSTOMER, viewer, asked=asked)


def export_audit(
    *,
    asked: dict[str, str],
    customer_id: int | None,
    since: datetime | None,
    until: datetime | None,
    viewer: Viewer,
) -> None:
    """Put on record that somebody takes the audit away, of when, and what of it was asked for; of
    one customer, on that one's record.
    """
    about = customer_id or audit.NO_CUSTOMER
    _record("audit exported", about, viewer, since=since, until=until, asked=asked)


def export_figures(*, month: int, digest: str, viewer: Viewer) -> None:
    """Put on record that somebody takes a month's figures away, and what they came to."""
    told = {"month": month, "digest": digest}
    _record("month's figures exported", audit.NO_CUSTOMER, viewer, **told)


@wrap_in_transaction
def _record_of_person(action: str, customer_id: int, viewer: Viewer, **detail: object) -> None:
    """Record what all of a person's records were looked at for, on each of them."""
    is_one = not survivors.has_merged(customer_id)
    for each in [customer_id] if is_one else survivors.list_family(customer_id):
        kin = {} if each == customer_id else {SHOWN_WITH: customer_id}
        _record(action, each, viewer, **detail, **kin)


@wrap_in_transaction
def _record(action: str, customer_id: int, viewer: Viewer, **detail: object) -> None:
    said = {**detail, "source": viewer.source, "outcome": "done"}
    audit.record(action, at=clock.now(), subject=customer_id, user=viewer.user, detail=said)

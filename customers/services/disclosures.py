"""What staff see of a customer unmasked, or take away as a file: on record before it leaves."""

from datetime import datetime

from customers import survivors
from ppims.core import clock
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services import audit


def reveal(*, customer_id: int, reason: str, user: User) -> None:
    """Put on record that somebody looks at a customer's personal data, and why. Raises Malformed
    without a reason that may be kept.
    """
    said = require_text(reason, "reason", most=LONGEST_NOTE)
    _record_of_person("personal data revealed", customer_id, user, reason=said)


def export_statement(
    *, customer_id: int, since: datetime | None, until: datetime | None, rows: int, user: User
) -> None:
    """Put on record that somebody takes a customer's statement away, of when, and how many rows."""
    told = {"since": since, "until": until, "rows": rows}
    _record_of_person("statement exported", customer_id, user, **told)


def export_transactions(
    *, asked: dict[str, str], since: datetime | None, until: datetime | None, user: User
) -> None:
    """Put on record that somebody takes transactions away: by which filters, and of when."""
    _record("transactions exported", audit.NO_CUSTOMER, user, since=since, until=until, asked=asked)


def export_audit(
    *,
    asked: dict[str, str],
    customer_id: int | None,
    since: datetime | None,
    until: datetime | None,
    user: User,
) -> None:
    """Put on record that somebody takes the audit away, of when, and what of it was asked for; of
    one customer, on that one's record.
    """
    about = customer_id or audit.NO_CUSTOMER
    _record("audit exported", about, user, since=since, until=until, asked=asked)


def export_figures(*, month: int, digest: str, user: User) -> None:
    """Put on record that somebody takes a month's figures away, and what they came to."""
    _record("month's figures exported", audit.NO_CUSTOMER, user, month=month, digest=digest)


@wrap_in_transaction
def _record_of_person(action: str, customer_id: int, user: User, **detail: object) -> None:
    """Record what all of a person's records were looked at for, on each of them."""
    is_one = not survivors.has_merged(customer_id)
    for each in [customer_id] if is_one else survivors.list_family(customer_id):
        _record(action, each, user, **detail)


@wrap_in_transaction
def _record(action: str, customer_id: int, user: User, **detail: object) -> None:
    audit.record(action, at=clock.now(), subject=customer_id, user=user, detail=detail)

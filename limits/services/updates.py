"""Report after a transaction: posted, released or reversed. A real spend is never lost:
docs/ledger.md, "What an update does".
"""

from limits.known import Entry, Report, Request
from limits.stores.carry_out import carry_out
from ppims.db.group_commit import run_alone
from ppims.services.idempotency import Call


def update_limit(*, call: Call, report: Report) -> tuple[Entry, bool]:
    """Book what happened: (the entry, is it a replay). An S is never refused for a limit, a state
    or a hold.

    Raises UnknownCustomer, Conflict (docs/ledger.md, "What an update does") or Unavailable; nothing
    is booked then.
    """
    answer: tuple[Entry, bool] = run_alone(make_request(call, report), carry_out)
    return answer


def make_request(call: Call, report: Report) -> Request:
    """Make a request for a group, of what a processor reports."""
    return Request(
        report,
        call.processor.pk,
        call.ref_id,
        call.digests,
        tuple(call.content),
        older_digests=call.digest_by_older,
    )

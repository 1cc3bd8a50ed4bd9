"""Who came in, who went, who was kept out: the one place where access of the staff is recorded.

What succeeds is an entry of the audit at once, and so is a lock-out. What fails is counted first,
for the audit only grows: one row for each person, address and quarter of an hour. When the quarter
is over, whoever comes first makes an entry of the row, with its number.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db.models import F
from django.http import HttpRequest

from ppims.core import clock
from ppims.core.addresses import name_source
from ppims.core.counts import ACCESS_REFUSED
from ppims.db import statements
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import LONGEST_SOURCE, FailedAccess, User
from ppims.services import accounts, audit, credentials

QUARTER_LASTS = timedelta(minutes=15)
MOST_SOURCES = 20  # of a person and a quarter
OTHER_SOURCES, OTHERS_NAME = "", "others"
FLUSHED_AT_ONCE = 500
NO_ADDRESS = "unix socket"
Kind = FailedAccess.Kind
ACTION_BY_KIND = {
    Kind.LOG_IN: "passwords refused",
    Kind.CODE: "codes refused",
    Kind.PAGE: "pages denied",
    Kind.REVEAL: "reveals refused",
}
# How /metrics names them.
LOCKED_OUT = "lock-out"
COUNTED_AS = {Kind.LOG_IN: "log-in", Kind.CODE: "code", Kind.PAGE: "page", Kind.REVEAL: "reveal"}
# Changes nothing, and waits for the disk as a count does.
WRITE_NOTHING_NEW = """
    UPDATE ppims_user SET wrong_passwords = wrong_passwords
    WHERE id = (SELECT MIN(id) FROM ppims_user)
"""

logger = logging.getLogger(__name__)


def find_source(request: HttpRequest) -> str:
    """Find where a request comes from, as failures are counted: an IPv4 address, or the /64 of an
    IPv6 one.
    """
    address = name_source(credentials.find_source_address(request))
    return address[:LONGEST_SOURCE] or NO_ADDRESS


# What is on record at once.


def record_log_in(*, user: User, source: str) -> None:
    """Put on record that somebody logs in, before they are."""
    _record("logged in", user, source, "done")


def record_password_accepted(*, user: User, source: str) -> None:
    """Put on record that somebody's password was right, and their second factor is awaited."""
    _record("password accepted", user, source, "a code is awaited")


def record_log_out(*, user: User, source: str, outcome: str = "asked") -> None:
    """Put on record that somebody is logged out: because they `asked`, or for what else."""
    _record("logged out", user, source, outcome)


def record_lock_out(*, username: str, source: str) -> None:
    """Put on record that a person is not let in from an address any more, for a while."""
    ACCESS_REFUSED.add(LOCKED_OUT)
    user = User.objects.filter(username=username).first()
    if user:
        _record("locked out", user, source, "locked")
    else:
        _write_as_a_count_does()


@wrap_in_transaction
def _record(action: str, user: User, source: str, outcome: str) -> None:
    detail: dict[str, object] = {"source": source, "outcome": outcome}
    audit.record(action, at=clock.now(), user=user, detail=detail)


# What is counted.


def count_failure(*, user: User, source: str, kind: str) -> None:
    """Count that somebody failed at something, or somebody else in their name."""
    ACCESS_REFUSED.add(COUNTED_AS[Kind(kind)])
    _count_failure(user, source, kind)


@wrap_in_transaction
def _count_failure(user: User, source: str, kind: str) -> None:
    # Under the lock the clock is read after whoever flushed before: no quarter comes back.
    lock_person(user.pk)
    quarter = find_quarter(clock.now())
    counted = FailedAccess.objects.filter(quarter=quarter, user=user)
    sources = set(counted.values_list("source", flat=True)) - {OTHER_SOURCES}
    if source not in sources and len(sources) >= MOST_SOURCES:
        source = OTHER_SOURCES
    if not counted.filter(kind=kind, source=source).update(count=F("count") + 1):
        FailedAccess.objects.create(quarter=quarter, user=user, kind=kind, source=source)


def count_failed_log_in(*, username: str, source: str) -> None:
    """Count a failed log-in of a person; of a username that doesn't exist the log alone tells, by a
    digest, for people type passwords there.
    """
    user = User.objects.filter(username=username).first()
    if user:
        count_failure(user=user, source=source, kind=Kind.LOG_IN)
        return
    ACCESS_REFUSED.add(COUNTED_AS[Kind.LOG_IN])
    digest = accounts.digest_username(username)
    logger.warning("log-in failed", extra={"source": source, "username_digest": digest})
    _write_as_a_count_does()


@wrap_in_transaction
def _write_as_a_count_does() -> None:
    """Take the time of a count, and count nothing: so the time of an answer doesn't tell that a
    username doesn't exist.
    """
    first = User.objects.order_by("pk").values_list("pk", flat=True).first()
    if first is not None:
        lock_person(first)
        statements.run(WRITE_NOTHING_NEW, [])


def flush_failures() -> int:
    """Make entries of the audit of all that was counted in quarters that are over, one transaction
    each; return how many. Of several who do so at once, one makes each entry. Raises Unavailable.
    """
    flushed = 0
    over = FailedAccess.objects.filter(quarter__lte=clock.now() - QUARTER_LASTS)
    while found := list(over.order_by("quarter", "pk").values_list("pk", "user")[:FLUSHED_AT_ONCE]):
        for failed_id, user_id in found:
            flushed += run_in_transaction(partial(_flush, failed_id, user_id))
    return flushed


def _flush(failed_id: int, user_id: int) -> int:
    lock_person(user_id)
    failed = FailedAccess.objects.filter(pk=failed_id).select_related("user").first()
    if failed is None:  # somebody else was first
        return 0
    detail: dict[str, object] = {
        "source": failed.source or OTHERS_NAME,
        "outcome": "refused",
        "count": failed.count,
        "since": failed.quarter,
        "until": failed.quarter + QUARTER_LASTS,
    }
    action = ACTION_BY_KIND[Kind(failed.kind)]
    audit.record(action, at=clock.now(), user=failed.user, detail=detail)
    failed.delete()
    return 1


def find_quarter(at: datetime) -> datetime:
    """Find the quarter of an hour that an instant is in: when it began."""
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def lock_person(user_id: int) -> None:
    """Let whoever counts of a person, or makes an entry of what was counted, wait for each other:
    inside a transaction, before its clock is read.
    """
    rows = User.objects.filter(pk=user_id).select_for_update(no_key=True)
    list(rows.values_list("pk"))

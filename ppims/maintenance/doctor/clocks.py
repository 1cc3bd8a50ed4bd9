"""The clocks: that which gives instants, this machine's beside it, and the ledger's last."""

import time
from collections.abc import Iterator
from datetime import datetime

from limits.models import LedgerEntry, LimitCheck
from ppims.core import clock
from ppims.core.formats import ist
from ppims.db import clock_guard
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.models import AuditEntry

WARNED_NS = 5 * 10**9
JUMP_MEND = 'docs/runbook.md, "The clock jumped"'


def check_jump(at: datetime) -> Iterator[Finding]:
    """Check that the clock of all instants has not jumped, by the pair that the server keeps."""
    jump_ns = clock_guard.get_guard().measure()
    if jump_ns is None:
        yield approve("clock.jump", "nothing to compare with: no server has run since the boot")
    elif abs(jump_ns) > clock_guard.TOLERANCE_NS:
        said = clock_guard.describe_jump(jump_ns)
        yield refuse("clock.jump", said, f"set it right, or manage accept_clock ({JUMP_MEND})")
    else:
        yield approve("clock.jump", "it has not jumped")
    if offset := clock.read_offset():
        said = f"the demo's clock is turned ahead by {offset}"
        yield warn("clock.offset", said, "put the demo back to its start")


def check_database_clock(at: datetime) -> Iterator[Finding]:
    """Check this machine's clock against the database's: log-ins, codes and logs go by it."""
    before = time.time_ns()
    apart = abs(clock_guard.read_clock_ns() - (before + time.time_ns()) // 2)
    said = f"{apart / 10**9:.1f} s between this machine's clock and the database's"
    if apart > clock_guard.TOLERANCE_NS:
        yield refuse("clock.database", said, "set both by NTP: timedatectl set-ntp true")
    elif apart > WARNED_NS:
        yield warn("clock.database", said, "set both by NTP: timedatectl set-ntp true")
    else:
        yield approve("clock.database", said)


def check_last_rows(at: datetime) -> Iterator[Finding]:
    """Check that nothing was booked ahead of time."""
    found = [
        model._default_manager.order_by("-pk").values_list("at", flat=True).first()
        for model in (LimitCheck, LedgerEntry, AuditEntry)
    ]
    last = max((each for each in found if each), default=None)
    if last is None:
        yield approve("clock.rows", "no row has an instant yet")
    elif (last - at).total_seconds() * 10**9 > clock_guard.TOLERANCE_NS:
        said = f"the newest row is of {ist(last)}, which is still to come"
        yield refuse("clock.rows", said, JUMP_MEND)
    else:
        yield approve("clock.rows", f"the newest row is of {ist(last)}")

"""What a verification has found, on record and for pages: docs/ledger.md, "Verification"."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError, InterfaceError

from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.db.transaction import wrap_in_transaction
from ppims.models import AuditEntry, Job, User
from ppims.services import audit, jobs, operators

MOST_NAMED, LONGEST_NAMED = 20, 200  # findings that are kept by name; their characters


@dataclass
class Found:
    """What was found among so many rows: how much it is, and the first by name."""

    rows: int
    count: int = 0
    named: list[str] = field(default_factory=list)

    def count_findings(self, findings: Iterable[object]) -> None:
        for finding in findings:
            self.count += 1
            if self.count <= MOST_NAMED:
                self.named.append(str(finding)[:LONGEST_NAMED])

    def as_result(self) -> dict[str, object]:
        """Give it as the result of a job."""
        return {"rows": self.rows, "findings": self.count, "named": self.named}


@wrap_in_transaction
def record_verification(found: Found, *, user: User | None) -> AuditEntry:
    """Put on record that somebody of the staff had all rows verified, and how much was found."""
    detail: dict[str, object] = {"rows": found.rows, "findings": found.count}
    return audit.record("ledger verified", at=clock.now(), user=user, detail=detail)


def keep_verification(found: Found, *, began_at: datetime, is_cut_short: bool) -> None:
    """Let pages tell of a verification by a command; not where the database takes no writes.

    `is_cut_short`: it ended with the first finding.
    """
    with suppress(Unavailable, DatabaseError, InterfaceError):
        jobs.record_done(
            Job.Kind.VERIFY,
            began_at=began_at,
            arguments={"operator": operators.name_operator()},
            result={**found.as_result(), "is_cut_short": is_cut_short},
        )

"""Opening entries are held against the imports that they name: approved by two people, and before
the entry. docs/ledger.md, "Opening entries".
"""

from collections.abc import Iterator

from customers.models import CustomerImport
from limits.models import LedgerEntry
from limits.verify.chains import Finding
from ppims.db.streaming import Reader, stream_joined
from ppims.db.transaction import read_snapshot
from ppims.models import FourEyes

ENTRY_READER = Reader(LedgerEntry, ["number", "customer_id", "ref_id", "at"])
IMPORT_READER = Reader(CustomerImport, ["id", "decided_at"])


def find_unapproved() -> Iterator[Finding]:
    """Find the opening entries whose import was not approved, or only after them."""
    with read_snapshot():
        approved = (FourEyes.State.APPROVED.value,)
        decided_at = {
            f"{CustomerImport.NAME_PREFIX}{key}": at
            for key, at in stream_joined((IMPORT_READER,), "WHERE t.state = %s", approved)
        }
        for number, customer_id, name, at in stream_joined(
            (ENTRY_READER,), "WHERE t.kind = 'O'", ()
        ):
            if name not in decided_at or at < decided_at[name]:
                yield Finding(
                    f"ledger entry {number} of customer {customer_id}",
                    f"it opens with what {name} brought, which two people had not approved",
                )

"""Find what was changed behind the services' back, or was never right. docs/ledger.md,
"Verification".

`ledger` walks the customers' checks and entries, `audit` the audit entries, `seals` holds both
against what was sealed. All of it streams: memory does not grow with the tables.
"""

from limits.verify.chains import Finding
from limits.verify.run import count_rows_to_read, verify

__all__ = ["Finding", "count_rows_to_read", "verify"]

"""Keep what the audit of one customer, or of what is about none, says came of its rows. No
database. docs/ledger.md, "Rows that the audit proves".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limits.verify.past_state import UNKNOWN_STATUS, Timeline
from ppims.db import row_proofs

TAKEN_OVER = (
    "taken"  # in the detail of what `limits.baseline` writes: proofs of each customer's rows
)
BLOCKED_STATUS, ACTIVE_STATUS = "BLOCKED", "ACTIVE"
# How the audit told a customer's status before it proved rows.
STATUS_AFTER_ACTION = {"customer blocked": BLOCKED_STATUS, "unblocking approved": ACTIVE_STATUS}
LAST_ENTRY = "last"  # there too: the newest check and entry, which are signed as before version 3
Proof = tuple[str, str]  # and the name of its key


class History:
    """The newest proof of each row, by the row's name; and what the status of a row was from when
    on. `taken` are proofs of rows from before the audit proved any, as they were `taken_at`.
    """

    def __init__(self, taken: Mapping[str, Proof] | None = None, taken_at: int = 0) -> None:
        self.proofs: dict[str, Proof] = dict(taken or {})
        self._statuses: dict[str, Timeline[str | None]] = {}
        self.of_customer: Timeline[str | None] = Timeline(
            ACTIVE_STATUS
        )  # when blocked, and when not
        for name, (text, _) in self.proofs.items():
            status, space, _ = text.partition(" ")
            if space:
                self._statuses[name] = Timeline(UNKNOWN_STATUS)
                self._statuses[name].add(taken_at, status)

    def take(self, row_id: int, at: int, action: str, detail: str, key_id: str) -> None:
        """Take the next entry, whose signature is right."""
        said: dict[str, Any] = json.loads(detail) if row_proofs.PROOFS_KEY in detail else {}
        if not said and action in STATUS_AFTER_ACTION:
            self.of_customer.add(at, STATUS_AFTER_ACTION[action])
        for name, text in said.get(row_proofs.PROOFS_KEY, {}).items():
            self.proofs[name] = (text, key_id)
            status, space, _ = text.partition(" ")
            if space and name.startswith("customer "):
                self.of_customer.add(at, status)
            elif space:
                self._statuses.setdefault(name, Timeline(None)).add(at, status)
        if TAKEN_OVER in said:
            self.take_over(row_id, at, said)

    def take_over(self, row_id: int, at: int, said: Mapping[str, Any]) -> None:
        """Heed that rows of some customers were taken as they were: which is about none of them."""

    def find_account_timeline(self, row_id: int) -> Timeline[str | None]:
        """Find what an account's status was from when on; None: it was not known."""
        return self._statuses.get(f"account {row_id}") or Timeline(UNKNOWN_STATUS)


@dataclass(frozen=True)
class Taken:
    """An audit entry that has taken rows of customers as they were: from which one to which."""

    row_id: int
    first: int
    last: int


class AboutNone(History):
    """What the audit about no customer says: of limit rules, and what was taken as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self.last_check_id = self.last_entry_id = 0

    def take_over(self, row_id: int, at: int, said: Mapping[str, Any]) -> None:
        customers = [int(customer) for customer in said[TAKEN_OVER]]
        if customers:
            self.taken.append(Taken(row_id, min(customers), max(customers)))
        self.last_check_id, self.last_entry_id = (
            said[LAST_ENTRY]["checks"],
            said[LAST_ENTRY]["entries"],
        )

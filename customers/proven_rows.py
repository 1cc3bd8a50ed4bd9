"""Whether rows of customers are as the audit proves them: to be asked before a row is proven anew,
or what was changed by hand would be taken for true. docs/ledger.md, "Rows that the audit proves".
"""

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import Model

from ppims.core.keys import make_plain
from ppims.db import row_proofs
from ppims.models import AuditEntry
from ppims.services import audit

# Written once by limits.0009: the proofs of rows from before the audit proved any.
TAKEN_ACTION, TAKEN_NAME = "rows taken as they were", "taken"
Proof = tuple[str, str]  # and the name of its key
ProofsByRow = dict[str, Proof]


class Taken(NamedTuple):
    """An audit entry that has proofs of customers' rows: from which customer to which."""

    entry_id: int
    first: int
    last: int


class Proofs:
    """The newest proofs of customers' rows, for one long work."""

    def read(self, ids: Sequence[int]) -> dict[int, ProofsByRow]:
        """Read the proofs of each customer's rows, by the rows' names."""
        found = {each: self._read_taken(each) for each in ids}
        entries = AuditEntry.objects.filter(
            subject__in=ids, detail__contains=f'"{row_proofs.PROOFS_KEY}"'
        )
        told = entries.order_by("subject", "number").values_list("subject", "detail", "key_id")
        for subject, detail, key_id in told:
            proofs = json.loads(detail).get(row_proofs.PROOFS_KEY, {})
            found[subject] |= {name: (text, key_id) for name, text in proofs.items()}
        return found

    def _read_taken(self, customer_id: int) -> ProofsByRow:
        found: ProofsByRow = {}
        for each in self._taken:
            if each.first <= customer_id <= each.last:
                key_id, customers = _read_entry(each.entry_id)
                proofs = customers.get(str(customer_id), {})
                found |= {name: (text, key_id) for name, text in proofs.items()}
        return found

    @cached_property
    def _taken(self) -> list[Taken]:
        entries = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=TAKEN_ACTION)
        found = []
        for entry_id, detail in entries.order_by("number").values_list("pk", "detail").iterator():
            customers = [int(each) for each in json.loads(detail).get(TAKEN_NAME, ())]
            if customers:
                found.append(Taken(entry_id, min(customers), max(customers)))
        return found


@lru_cache(2)  # customers come in order, and an entry that is written never changes
def _read_entry(entry_id: int) -> tuple[str, dict[str, dict[str, str]]]:
    entry = AuditEntry.objects.get(pk=entry_id)
    return entry.key_id, json.loads(entry.detail)[TAKEN_NAME]


def name_row(row: Model) -> str:
    """Name a row as the audit's proofs do."""
    return f"{row_proofs.read_shape(type(row)).name} {row.pk}"


def is_as_proven(row: Model, proof: Proof) -> bool:
    """Return whether a row is as its proof says."""
    text, key_id = proof
    its = row_proofs.read_shape(type(row))
    values = [make_plain(row.__dict__[column]) for column in its.columns]
    return any(
        row_proofs.write_proof(key, its, values) == text
        for key in settings.PPIMS_LEDGER_KEYS
        if key.id == key_id
    )

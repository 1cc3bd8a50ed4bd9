"""Let one Ref_Id have one effect: decide who was first, and whether a repeat says the same
(docs/api.md, "Retries").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from ppims.core.errors import Conflict
from ppims.core.field_digests import digest_fields, list_differing_by_any
from ppims.db import standbys, statements
from ppims.models import Operation, Processor, ReplayKey

CLAIM_REF_ID = """
    INSERT INTO ppims_replaykey (processor_id, operation, ref_id, customer_id, row_id, digests)
    VALUES (%s, %s, %s, 0, 0, %s) ON CONFLICT DO NOTHING
"""
SETTLE_REF_ID = """
    UPDATE ppims_replaykey SET customer_id = %s, row_id = %s
    WHERE processor_id = %s AND operation = %s AND ref_id = %s
"""


@dataclass(frozen=True)
class Call:
    """One request that changes something: who asks, which operation, its Ref_Id, and what it says.

    `content` maps each declared field, in its declared order, to its meaning as text. A field that
    an operation gains later is declared last, so that old digests stay comparable.
    """

    processor: Processor
    operation: Operation
    ref_id: str
    content: Mapping[str, str | None]
    digests: bytes = field(init=False)  # made before anyone waits for this call's turn

    def __post_init__(self) -> None:
        digests = digest_fields(settings.PPIMS_DIGEST_KEYS, self.ref_id, self.content)
        object.__setattr__(self, "digests", digests)

    def digest_by_older(self) -> list[bytes]:
        """Digest what it says by each other key of the ring: a repeat of before the key changed."""
        ring = settings.PPIMS_DIGEST_KEYS[1:]
        return [digest_fields((key,), self.ref_id, self.content) for key in ring]

    @property
    def key(self) -> tuple[int, str, str]:
        return self.processor.pk, self.operation.value, self.ref_id


def is_claimed(call: Call) -> bool:
    """Whether the Ref_Id was answered before. Only `claim` decides who is first."""
    return ReplayKey.objects.filter(pk=call.key).exists()


def claim(call: Call) -> ReplayKey | None:
    """Claim the Ref_Id, inside the use-case's transaction. None: it is ours, and `settle` must
    follow. A row: the same was asked before, and this points at its answer.

    Raises Conflict, naming each field that differs from what was asked before.
    """
    # The unique insert decides, not a read before it. On PostgreSQL it waits for another request
    # with this Ref_Id until that one commits or rolls back.
    if statements.run(CLAIM_REF_ID, [*call.key, call.digests]):
        return None
    first = ReplayKey.objects.get(pk=call.key)
    names, by_older = [*call.content], call.digest_by_older
    if different := list_differing_by_any(names, bytes(first.digests), call.digests, by_older):
        raise Conflict((name, "differs from what this Ref_Id said before") for name in different)
    standbys.wait_for_standbys()  # the first COMMIT may have gone without an answer from them
    return first


def settle(call: Call, *, customer_id: int, row_id: int) -> None:
    """Point a claimed Ref_Id at the row that holds its answer."""
    statements.run(SETTLE_REF_ID, [customer_id, row_id, *call.key])

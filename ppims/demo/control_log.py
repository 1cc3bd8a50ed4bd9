"""Each use of a demo's controls is put on record, with who asked: a processor or somebody."""

from datetime import datetime

from ppims.core import clock
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor, User
from ppims.services import audit


def record_use(
    action: str,
    *,
    processor: Processor | None,
    user: User | None,
    at: datetime | None = None,
    **detail: object,
) -> None:
    """Record it in a transaction of its own. Raises Unavailable."""

    def work() -> None:
        audit.record(
            action, at=at or clock.now(), processor=processor, user=user, detail=dict(detail)
        )

    run_in_transaction(work)

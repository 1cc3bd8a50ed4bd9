"""What one admin changes of a processor, at once: it takes something away, and gives nothing. All
else is for two (processor_changes).
"""

from collections.abc import Mapping
from datetime import date, datetime

from django.conf import settings
from django.utils.translation import gettext

from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, Processor, User
from ppims.services import audit, credentials

State = Processor.State
# What may be narrowed by one person, from what.
NARROWED_FROM = {
    State.WINDING_DOWN: {State.ACTIVE},
    State.DISABLED: {State.ACTIVE, State.WINDING_DOWN},
}


@wrap_in_transaction
def disable(*, processor_id: int, reason: str, user: User) -> None:
    """Let a processor call no more, from now on. Raises Malformed and Conflict."""
    detail, at = _narrow(processor_id, State.DISABLED, reason)
    audit.record("processor disabled", at=at, user=user, detail=detail)


@wrap_in_transaction
def wind_down(*, processor_id: int, reason: str, user: User) -> None:
    """Let a processor settle what is under way, and begin nothing more. Raises Malformed and
    Conflict.
    """
    detail, at = _narrow(processor_id, State.WINDING_DOWN, reason)
    audit.record("processor winding down", at=at, user=user, detail=detail)


@wrap_in_transaction
def end_former_password(*, processor_id: int, reason: str, user: User) -> None:
    """Let the password before the present one be wrong from now on. Raises Malformed, and Conflict
    where there is none.
    """
    processor, at = lock_processor(processor_id), clock.now()
    if not processor.has_former_password(at):
        raise Conflict([("", gettext("There is no old password that works."))])
    before = {"old_password_until": processor.former_until}
    credentials.drop_former_password(processor)
    owned_rows.save_columns(processor, credentials.FORMER_FIELDS)
    after = {"old_password_until": at}
    detail = _describe_step(
        processor, before, after, require_text(reason, "reason", most=LONGEST_NOTE)
    )
    audit.record("processor's old password ended", at=at, user=user, detail=detail)


def is_password_overdue(processor: Processor, today: date) -> bool:
    """Whether a password is older than PPIMS_PASSWORD_DAYS, of a processor that may call with
    it.
    """
    days, most = processor.count_password_days(today), settings.PPIMS_PASSWORD_DAYS
    return bool(most and days and days > most and processor.state != State.DISABLED)


def lock_processor(processor_id: int) -> Processor:
    """Lock a processor's row, not its key: its calls name that, and needn't wait. Raises
    DoesNotExist.
    """
    return Processor.objects.select_for_update(no_key=True).get(pk=processor_id)


def _narrow(processor_id: int, to: State, reason: str) -> tuple[dict[str, object], datetime]:
    """Give a processor a state in which it may do less. Returns what the audit keeps of it."""
    processor, at = lock_processor(processor_id), clock.now()
    before = State(processor.state)
    if before not in NARROWED_FROM[to]:
        raise Conflict([("", gettext("This processor may do no more than that already."))])
    said = require_text(reason, "reason", most=LONGEST_NOTE)
    processor.state = to
    owned_rows.save_columns(processor, ["state"])
    return _describe_step(processor, {"state": before.value}, {"state": to.value}, said), at


def _describe_step(
    processor: Processor, before: Mapping[str, object], after: Mapping[str, object], reason: str
) -> dict[str, object]:
    names = {"system_id": processor.system_id, "name": processor.name}
    return {**names, "before": before, "after": after, "reason": reason}

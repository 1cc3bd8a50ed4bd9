"""Keep notes that staff write on a customer's page."""

from customers.models.notes import NOTE_CHARACTERS, CustomerNote
from ppims.core import clock
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import User
from ppims.services import audit


@wrap_in_transaction
def add_note(*, customer_id: int, text: str, user: User) -> CustomerNote:
    """Add a note about a customer. Raises Malformed for one that may not be kept."""
    said = require_text(text, "text", most=NOTE_CHARACTERS)
    at = clock.now()
    note = CustomerNote.objects.create(customer_id=customer_id, author=user, at=at, text=said)
    audit.record(
        "note added",
        at=at,
        subject=customer_id,
        user=user,
        detail={"note": note.pk},
        rows=[note],
    )
    return note

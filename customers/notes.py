"""What staff note about a customer: kept as it was written, never changed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims import audit, clock
from ppims.free_text import require_text
from ppims.models import User
from ppims.tables import BigId
from ppims.transact import in_transaction

LONGEST = 1_000


class CustomerNote(models.Model):
    """One note about a customer, and who wrote it when."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    text = models.CharField(_("Note"), max_length=LONGEST)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(text=""), name="customer_note_says_something"
            )
        ]

    def __str__(self) -> str:
        return f"Note {self.pk}"


def add_note(*, customer_id: int, text: str, user: User) -> CustomerNote:
    """Add a note about a customer. Raises Malformed for one that may not be kept."""
    said = require_text(text, "text", most=LONGEST)

    def work() -> CustomerNote:
        at = clock.now()
        note = CustomerNote.objects.create(customer_id=customer_id, author=user, at=at, text=said)
        detail: dict[str, object] = {"note": note.pk}
        audit.record(
            "note added", at=at, subject=customer_id, user=user, detail=detail, rows=[note]
        )
        return note

    return in_transaction(work)

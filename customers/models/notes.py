"""What staff note about a customer: kept as it was written, never changed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models import User

NOTE_CHARACTERS = 1_000


class CustomerNote(models.Model):
    """One note about a customer, and who wrote it when."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    text = models.CharField(_("Note"), max_length=NOTE_CHARACTERS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(text=""), name="customer_note_says_something"
            )
        ]

    def __str__(self) -> str:
        return f"Note {self.pk}"

"""Corrections that two people make."""

from django.db import models

from customers.models import Customer
from limits.models.rules import Direction
from ppims.db.fields import BigId, Paise
from ppims.models import FourEyes


class Adjustment(FourEyes):
    """A correction of a month's usage: proposed by one person, approved by another, then an entry.

    `amount_paise` is added to what is used; below zero it is taken away. One that names a posting,
    by the key of its entry, takes away of that one alone, and counts among its reversals.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="adjustments")
    month = models.PositiveIntegerField()
    direction = models.CharField(max_length=1, choices=Direction)
    amount_paise = Paise()
    reason = models.CharField(max_length=500)
    # No foreign key: entries point at corrections, and two tables that point at each other could
    # not be copied one after the other. Verification holds it against the entry.
    posting_id = models.BigIntegerField(null=True)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_adjustment", "Can propose an adjustment"),
            ("approve_adjustment", "Can approve an adjustment"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="adjustment_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(amount_paise=0), name="adjustment_amount_is_not_zero"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="adjustment_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(posting_id__isnull=True) | models.Q(amount_paise__lt=0),
                name="adjustment_of_a_posting_takes_away",
            ),
        ]

    def __str__(self) -> str:
        return f"Adjustment {self.pk}"

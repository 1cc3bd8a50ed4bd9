"""Checks: what was asked and answered, and what is held for it."""

from django.db import models

from customers.choices import Tier
from customers.models import Customer
from limits.models.rules import Direction, LimitRule
from ppims.db.fields import BigId, ByTime, Instant, Paise
from ppims.models import Processor

BY_TIME = (Instant("at"), "processor")


class LimitCheck(models.Model):
    """One answered enquiry: what was asked, what was decided and why. Never changed.

    `limit`, `used_paise`, `held_paise` and `remaining_paise` are those of the rule that decided;
    `cumulative_paise` and `available_paise` are what the reply gave. `limit` is paise, of a
    CREDIT_STOP rule months. `number` counts the customer's checks; `mac` signs every other field.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    unique_id_sent = models.BigIntegerField()
    ref_id = models.CharField("Ref_Id", max_length=32)
    at = models.DateTimeField()
    month = models.PositiveIntegerField()
    direction = models.CharField(max_length=1, choices=Direction)
    amount_paise = Paise()
    balance_paise = Paise(null=True)
    account_number = models.CharField(max_length=32, blank=True)
    card_last_four = models.CharField(max_length=4, blank=True)
    tier = models.CharField(max_length=1, choices=Tier)
    is_allowed = models.BooleanField()
    reason = models.CharField(max_length=20)
    rule = models.ForeignKey(LimitRule, models.PROTECT, null=True, related_name="+", db_index=False)
    limit = models.BigIntegerField(null=True)
    used_paise = Paise(null=True)
    held_paise = Paise(null=True)
    remaining_paise = Paise(null=True)
    resets_on = models.DateField(null=True)
    hold_until = models.DateTimeField(null=True)
    unjudged = models.CharField(max_length=40, blank=True)
    cumulative_paise = Paise()
    available_paise = Paise(null=True)
    cif_id = models.CharField(max_length=32, blank=True)
    old_unique_id = models.BigIntegerField(null=True)
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "number"], name="limit_check_has_its_place"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_paise__gt=0), name="limit_check_amount_is_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(is_allowed=True, hold_until__isnull=False)
                | models.Q(is_allowed=False, hold_until__isnull=True),
                name="limit_check_allowed_has_a_hold",
            ),
        ]
        indexes = [
            ByTime(*BY_TIME, name="check_by_time"),
            ByTime(*BY_TIME, "reason", condition=models.Q(is_allowed=False), name="check_declined"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} check {self.ref_id}"


class Hold(models.Model):
    """The amount an allowed check has set aside: the checks that no entry has settled or released.
    Expired ones may linger.
    """

    limit_check = models.OneToOneField(
        LimitCheck, models.PROTECT, primary_key=True, related_name="hold"
    )
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="holds")
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    month = models.PositiveIntegerField()
    direction = models.CharField(max_length=1, choices=Direction)
    amount_paise = Paise()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_paise__gt=0), name="hold_amount_is_positive"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} hold {self.pk}"

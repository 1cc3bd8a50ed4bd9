"""What happened to a customer: each change of KYC, and each answer given to a processor."""

from django.db import models

from customers.choices import Tier
from customers.models.customer import Customer
from ppims.db.fields import BigId, ByTime, Instant
from ppims.models import Operation, Processor, User


class KycChange(models.Model):
    """One change of what is known of a customer: who, through which channel, when, from, to.

    `named_id` is set where the change came by another id of the same person: the id that was named,
    or whose KYC a merge has given (docs/ledger.md, "Merges").
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="kyc_changes")
    at = models.DateTimeField()
    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    channel = models.CharField(max_length=100)
    updated_on = models.DateTimeField()
    from_tier = models.CharField(max_length=1, choices=Tier, blank=True)
    to_tier = models.CharField(max_length=1, choices=Tier)
    tier_since = models.DateTimeField()
    named_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            # Of raised and lowered ones alone: so adding a customer writes nothing into it.
            ByTime(
                Instant("at"),
                "from_tier",
                "to_tier",
                condition=~models.Q(from_tier="") & ~models.Q(from_tier=models.F("to_tier")),
                name="kyc_raised_or_lowered",
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_tier or '–'} → {self.to_tier}"


class Receipt(models.Model):
    """The answer to an add or an update of a customer: a repeat gets it again, for ever.

    `proven_with` is no column: it is the ReplayKey's `digests`, and the audit proves both.
    """

    proven_with = b""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    operation = models.CharField(max_length=2, choices=Operation)
    ref_id = models.CharField(max_length=32)
    at = models.DateTimeField()
    resp_code = models.CharField(max_length=3)
    unique_id = models.BigIntegerField()
    old_unique_id = models.BigIntegerField(null=True, blank=True)
    tier = models.CharField(max_length=1, choices=Tier)
    kyc_updated_channel = models.CharField(max_length=100)
    kyc_updated_on = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.ref_id}"

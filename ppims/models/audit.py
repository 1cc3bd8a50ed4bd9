"""The audit, chained for each customer, and the keys that the database was written with."""

from django.db import models

from ppims.db.fields import BigId, ByTime, GivenId, Instant


class AuditEntry(models.Model):
    """One thing that a person has done, or a processor to a customer's record. Each customer's
    entries are a chain.

    `subject` is the customer's Unique_Id; 0 for what is about none.
    """

    id = BigId(primary_key=True)
    subject = models.BigIntegerField(default=0)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    user = models.ForeignKey(
        "ppims.User", models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    processor = models.ForeignKey(
        "ppims.Processor", models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    action = models.CharField(max_length=40)
    detail = models.TextField()
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["subject", "number"], name="audit_entry_has_its_place")
        ]
        indexes = [
            ByTime(Instant("at"), "processor", "action", name="audit_entry_by_time"),
            # All but what processors did alone, so it costs their calls nothing.
            ByTime(
                Instant("at"),
                "user",
                "processor",
                "action",
                condition=models.Q(processor__isnull=True) | models.Q(user__isnull=False),
                name="audit_entry_by_staff",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.number}"


class AuditHead(models.Model):
    """The newest link of one audit chain. Whoever adds to the chain locks this row."""

    subject = GivenId(primary_key=True)
    entry_count = models.PositiveIntegerField(default=0)
    last_mac = models.BinaryField(default=b"")
    last_at = models.DateTimeField(null=True)
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.entry_count}"


class KeyInUse(models.Model):
    """The name of a key that this database was written with: without the key, that is lost; but
    for a session key's.

    `needs` is how many rows of which table needed it when that was counted last, as JSON; "": it
    never was.
    """

    pk = models.CompositePrimaryKey("purpose", "key_id")
    purpose = models.CharField(max_length=8)
    key_id = models.CharField(max_length=8)
    first_used_at = models.DateTimeField()
    needs = models.TextField(default="", editable=False)
    counted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "keys in use"

    def __str__(self) -> str:
        return f"{self.purpose} key {self.key_id}"

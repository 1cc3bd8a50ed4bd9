"""What people of the staff failed at, until it is in the audit."""

from django.db import models

from ppims.db.fields import BigId

LONGEST_SOURCE = 64


class FailedAccess(models.Model):
    """What one person failed at from one address in one quarter of an hour, and how often. When the
    quarter is over the row becomes one entry of the audit, and is deleted.

    `source` is "" for all addresses beyond the first few of that quarter. Only
    ppims/services/access.py writes it.
    """

    class Kind(models.TextChoices):
        LOG_IN = "LOG_IN", "Passwords refused"
        CODE = "CODE", "Codes refused"
        PAGE = "PAGE", "Pages denied"
        REVEAL = "REVEAL", "Reveals refused"

    id = BigId(primary_key=True)
    quarter = models.DateTimeField()  # when it began
    user = models.ForeignKey("ppims.User", models.PROTECT, db_index=False, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    source = models.CharField(max_length=LONGEST_SOURCE, blank=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "failed accesses"
        constraints = [
            # Those whose quarter is over are found by it, too.
            models.UniqueConstraint(
                fields=["quarter", "user", "kind", "source"], name="failed_access_is_counted_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.count}"

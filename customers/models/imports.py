"""Files of customers that an institution brings with it: read, judged, and approved by two."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models import FourEyes, Processor, User

LONGEST_FILE_NAME = 100  # characters
LONGEST_REASON = 500


class ImportFile(models.Model):
    """One file of customers as it was brought, and what reading it found; nothing counts by it.

    `digest` is the SHA-256 of the file as it came, in hex. The rows themselves are in an encrypted
    file in the data folder until `gone_at`. `new_count`, `known_count` (registered through this
    processor already), `review_count` (like somebody else, to be decided by staff) and
    `refused_count` make `row_count`; they are of the last time that the file was read, at
    `read_at`: empty until then.
    """

    id = BigId(primary_key=True)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=LONGEST_FILE_NAME)
    digest = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    brought_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    brought_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    row_count = models.PositiveIntegerField(default=0)
    new_count = models.PositiveIntegerField(default=0)
    known_count = models.PositiveIntegerField(default=0)
    review_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class CustomerImport(FourEyes):
    """A proposal to add the customers of a file: one person proposes it, another approves it, which
    covers every Full KYC in it; then a job adds them.

    Opening entries of the ledger name it as their source. The counts say what the job has done.
    """

    id = BigId(primary_key=True)
    file = models.ForeignKey(ImportFile, models.PROTECT, related_name="imports")
    reason = models.CharField(_("Reason"), max_length=LONGEST_REASON)
    done_count = models.PositiveIntegerField(default=0)  # rows worked through
    added_count = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_customerimport", "Can import customers"),
            ("approve_customerimport", "Can approve an import of customers"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="customer_import_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="customer_import_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk}"

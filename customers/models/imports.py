"""Files of customers that an institution brings with it: read, judged, and approved by two."""

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models import LONGEST_NOTE, FourEyes, Processor, User

LONGEST_FILE_NAME = 100  # characters
LONGEST_FAULT = 200


class ImportFile(models.Model):
    """One file of customers as it was brought, what reading it found, and how far adding them is;
    nothing counts by it.

    `digest` is the SHA-256 of the file as it came, in hex. The rows themselves are in an encrypted
    file in the data folder, named by `stored_as`, by the document key `key_id`, until `gone_at`.
    What reading found is of `read_at`, and empty until then: `fault` says why the whole file was
    refused, else `new_count`, `elsewhere_count` (known through other processors), `known_count`
    (registered through this one already), `review_count` (like somebody else: staff decide) and
    `refused_count` make `row_count`. `done_count` rows are worked through by the import,
    `added_count` of them were added; it ended at `ended_at`.
    """

    id = BigId(primary_key=True)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=LONGEST_FILE_NAME)
    digest = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    stored_as = models.CharField(max_length=32)
    key_id = models.CharField(max_length=8)
    brought_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    brought_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=LONGEST_FAULT, blank=True)
    row_count = models.PositiveIntegerField(default=0)
    new_count = models.PositiveIntegerField(default=0)
    elsewhere_count = models.PositiveIntegerField(default=0)
    known_count = models.PositiveIntegerField(default=0)
    review_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    done_count = models.PositiveIntegerField(default=0)
    added_count = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    row_count=F("new_count")
                    + F("elsewhere_count")
                    + F("known_count")
                    + F("review_count")
                    + F("refused_count")
                ),
                name="import_file_counts_make_its_rows",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    done_count__lte=F("row_count"), added_count__lte=F("done_count")
                ),
                name="import_file_adds_what_it_has",
            ),
        ]
        indexes = [
            models.Index(
                fields=["brought_at"],
                condition=models.Q(gone_at__isnull=True),
                name="import_file_kept",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def count_to_add(self) -> int:
        """How many rows an import would work on: those of which staff may decide, too."""
        return self.new_count + self.elsewhere_count + self.review_count


class CustomerImport(FourEyes):
    """A proposal to add the customers of a file: one person proposes it, another approves it, which
    covers every Full KYC in it; then a job adds them.

    `digest` is the file's: what was approved is that file, and no other. Opening entries of the
    ledger name this row as their source.
    """

    NAME_PREFIX = "IMPORT-"

    id = BigId(primary_key=True)
    file = models.ForeignKey(ImportFile, models.PROTECT, related_name="imports")
    digest = models.CharField(max_length=64)
    reason = models.CharField(_("Reason"), max_length=LONGEST_NOTE)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_customerimport", "Can import customers"),
            ("approve_customerimport", "Can approve an import of customers"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["file"],
                condition=models.Q(state__in=["PROPOSED", "APPROVED"]),
                name="customer_import_once_a_file",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="customer_import_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="customer_import_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk}"

    @property
    def name(self) -> str:
        """What opening entries call it."""
        return f"{self.NAME_PREFIX}{self.pk}"

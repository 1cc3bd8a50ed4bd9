"""What a processor's own file says, held against our books: the runs, and where the two differ."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from limits.models.rules import Direction
from ppims.db.fields import BigId, Paise
from ppims.models import LONGEST_NOTE, Processor, User

LONGEST_FILE_NAME = 100  # characters
LONGEST_FAULT = 200


class Reconciliation(models.Model):
    """One file of a processor that was compared with our books: which days, which file, who
    brought it, and what came of it. The file itself isn't kept: `digest` is its SHA-256, in hex.

    `since` and `until` are the first and the last of its days in India. `sums` is JSON: of each
    class and direction how many there are, and what they come to in their books and in ours. Of
    `row_count` rows `refused_count` could not be read. `difference_count` is how many there
    were to settle; `open_count`, of those that are kept, how many nobody has settled.
    `stored_as` finds the file, encrypted by `key_id`, until it is compared. `fault` says why the
    file was refused as a whole. Some time after it was brought a run is deleted; what came of it
    stays in the audit.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", _("Being compared")
        DONE = "DONE", _("Compared")
        REFUSED = "REFUSED", _("Refused")

    id = BigId(primary_key=True)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    since = models.DateField()
    until = models.DateField()
    file_name = models.CharField(max_length=LONGEST_FILE_NAME)
    digest = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    stored_as = models.CharField(max_length=32, blank=True)
    key_id = models.CharField(max_length=8, blank=True)
    brought_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    brought_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    ended_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=LONGEST_FAULT, blank=True)
    row_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    difference_count = models.PositiveIntegerField(default=0)
    open_count = models.PositiveIntegerField(default=0)
    sums = models.TextField(default="{}")

    class Meta:
        default_permissions = ("add",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(since__lte=models.F("until")),
                name="reconciliation_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(state="WAITING", ended_at__isnull=True)
                | models.Q(state__in=["DONE", "REFUSED"], ended_at__isnull=False),
                name="reconciliation_has_an_end_once_compared",
            ),
        ]
        indexes = [models.Index(fields=["brought_at"], name="reconciliation_by_time")]

    def __str__(self) -> str:
        return f"Reconciliation {self.pk}"


class ReconciliationDifference(models.Model):
    """One Tran_Id and direction in which a file and our books differ, or a row that was refused.

    `row_number` is the file's first row of it, `row_count` how many it has; `entry_id` our posting,
    and `unique_id` whose it is, or who the file says. An amount is None where that side has none.
    `ref_id` is that of our posting without a Tran_Id. `said` is why a row was refused. Somebody
    settles it, once, with a note. A row that was refused is mended in the file; and of OTHER_DAY
    there is nothing to settle: a later run finds there what an earlier one has matched.
    """

    class Kind(models.TextChoices):
        """In the order of the list."""

        AMOUNT = "AMOUNT", _("Amount differs")
        DIRECTION = "DIRECTION", _("Spend and load mixed up")
        ONLY_THEIRS = "ONLY_THEIRS", _("Only in their file")
        ONLY_OURS = "ONLY_OURS", _("Only in our books")
        REFUSED = "REFUSED", _("Row refused")
        OTHER_DAY = "OTHER_DAY", _("Agrees over other days")

    id = BigId(primary_key=True)
    reconciliation = models.ForeignKey(
        Reconciliation, models.PROTECT, related_name="differences", db_index=False
    )
    kind = models.CharField(max_length=11, choices=Kind)
    tran_id = models.CharField("Tran_Id", max_length=32, blank=True)
    ref_id = models.CharField("Ref_Id", max_length=32, blank=True)
    direction = models.CharField(max_length=1, choices=Direction, blank=True)
    their_paise = Paise(null=True)
    our_paise = Paise(null=True)
    row_number = models.PositiveIntegerField(null=True)
    row_count = models.PositiveIntegerField(default=0)
    entry_id = models.BigIntegerField(null=True)
    unique_id = models.BigIntegerField("Unique_Id", null=True)
    said = models.CharField(max_length=LONGEST_FAULT, blank=True)
    settled_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    settled_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)

    # What a note doesn't settle.
    NOT_SETTLED = (Kind.REFUSED, Kind.OTHER_DAY)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(settled_by__isnull=True, settled_at__isnull=True, note="")
                | models.Q(settled_by__isnull=False, settled_at__isnull=False) & ~models.Q(note=""),
                name="reconciliation_difference_settled_has_a_note",
            ),
        ]
        indexes = [
            models.Index(fields=["reconciliation", "kind", "id"], name="difference_of_run"),
            models.Index(
                fields=["entry_id"],
                condition=models.Q(kind__in=["ONLY_OURS", "OTHER_DAY"]),
                name="difference_of_posting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.tran_id or self.ref_id}"

    @property
    def is_open(self) -> bool:
        """Whether somebody has to settle it."""
        return self.settled_at is None and self.kind not in self.NOT_SETTLED

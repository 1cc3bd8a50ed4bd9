"""What the daily watch has found, for staff to look at."""

from datetime import date

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models import LONGEST_NOTE, Processor

DAYS_A_RANK = 10**6  # more than a day's ordinal


class Notice(models.Model):
    """One matter that the daily watch has found (ppims/maintenance/watch.py): `matter` is its name,
    so each is here once. The same row moves on with its matter, and is then open again.

    Of a loading stop `unique_id` is whose, `day` when loading stops, and `step` how near that is:
    90, 30 or 7 days. Of checks that nobody answered `processor` is whose, `day` when they were
    asked, and `count` how many. Of an old password `processor` is whose, `day` when it was made,
    and `step` how many times 30 days it is over its time. Of seals, verifications and backups `day`
    is since when there was none, and `step` how many whole weeks that is over its time; or, if one
    `has_failed`, when it did, and `count` how much was found.

    It is closed by somebody, with a note; or by the watch, which is nobody, once the matter is no
    more. What was closed some time ago is deleted. `unique_id` is no foreign key: a notice stands
    where what is about no customer does.
    """

    class Kind(models.TextChoices):
        """In the order of the list."""

        VERIFICATION = "VERIFICATION", _("Verification")
        SEAL = "SEAL", _("Seal")
        BACKUP = "BACKUP", _("Backup")
        PASSWORD = "PASSWORD", _("Processor’s password")
        UNANSWERED = "UNANSWERED", _("Checks never answered")
        LOADING_STOP = "LOADING_STOP", _("Loading stops")

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        CLOSED = "CLOSED", _("Closed")

    # The kinds that are about the installation itself.
    OF_UPKEEP = (Kind.VERIFICATION, Kind.SEAL, Kind.BACKUP)

    id = BigId(primary_key=True)
    kind = models.CharField(max_length=12, choices=Kind)
    matter = models.CharField(max_length=60)
    unique_id = models.BigIntegerField("Unique_Id", null=True)
    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, related_name="+", db_index=False
    )
    day = models.DateField()
    step = models.PositiveIntegerField(default=0)
    count = models.BigIntegerField(default=0)
    has_failed = models.BooleanField(default=False)
    # Where it stands in the list, the lowest first: by its kind, then by its day.
    urgency = models.PositiveIntegerField()
    found_at = models.DateTimeField()
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("close_notice", "Can close a notice about customers and processors")]
        constraints = [
            models.UniqueConstraint(fields=["matter"], name="notice_is_once_a_matter"),
            models.CheckConstraint(
                condition=models.Q(state="OPEN", closed_at__isnull=True)
                | models.Q(state="CLOSED", closed_at__isnull=False),
                name="notice_closed_has_its_time",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_by__isnull=True, note="")
                | models.Q(closed_by__isnull=False, state="CLOSED") & ~models.Q(note=""),
                name="notice_closed_by_somebody_has_a_note",
            ),
        ]
        indexes = [
            models.Index(
                fields=["urgency", "id"], condition=models.Q(state="OPEN"), name="notice_open"
            ),
            models.Index(
                fields=["found_at", "id"],
                condition=models.Q(state="OPEN"),
                name="notice_open_by_time",
            ),
            models.Index(
                fields=["closed_at", "id"], condition=models.Q(state="CLOSED"), name="notice_closed"
            ),
            models.Index(
                fields=["unique_id"],
                condition=models.Q(unique_id__isnull=False),
                name="notice_of_customer",
            ),
        ]

    def __str__(self) -> str:
        return self.matter

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


def work_out_urgency(kind: str, day: date) -> int:
    """Work out where a notice stands in the list."""
    return Notice.Kind.values.index(kind) * DAYS_A_RANK + day.toordinal()

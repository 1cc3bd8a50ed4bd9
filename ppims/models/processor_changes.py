"""What two admins change about a processor."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.core.networks import LONGEST_TEXT
from ppims.db.fields import BigId
from ppims.models.four_eyes import MayCountAlone

LONGEST_HOLD_MINUTES = 1440
MOST_DAYS_KEPT = 7


class ProcessorChange(MayCountAlone):
    """A change of a processor: one is added, given a new password, another name, hold time,
    networks or rate, or enabled again. What takes it away needs no second person, and is no row
    here.

    `processor` is empty until one that is added is there. `from_...` is what it was when this was
    proposed. For `keep_days` after the new password is made, the one before it is right too. The
    password is made when the maker opens the hand-over sheet: `password_given_at`.
    """

    class Kind(models.TextChoices):
        ADD = "ADD", _("Add")
        REKEY = "REKEY", _("New password")
        EDIT = "EDIT", _("Change")
        ENABLE = "ENABLE", _("Enable")

    id = BigId(primary_key=True)
    kind = models.CharField(max_length=6, choices=Kind)
    processor = models.ForeignKey(
        "ppims.Processor", models.PROTECT, null=True, related_name="changes"
    )
    system_id = models.CharField(max_length=32)
    username = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=100, blank=True)
    hold_minutes = models.PositiveSmallIntegerField(null=True)
    from_name = models.CharField(max_length=100, blank=True)
    from_hold_minutes = models.PositiveSmallIntegerField(null=True)
    networks = models.CharField(max_length=LONGEST_TEXT, blank=True)
    from_networks = models.CharField(max_length=LONGEST_TEXT, blank=True)
    requests_per_second = models.PositiveIntegerField(null=True)
    from_requests_per_second = models.PositiveIntegerField(null=True)
    from_state = models.CharField(max_length=12, blank=True)
    keep_days = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=500)
    password_given_at = models.DateTimeField(null=True, editable=False)

    class Meta(MayCountAlone.Meta):
        permissions = [
            ("propose_processorchange", "Can propose a change of a processor"),
            ("approve_processorchange", "Can approve a change of a processor"),
        ]
        constraints = [
            *MayCountAlone.Meta.constraints,
            models.UniqueConstraint(
                fields=["system_id"],
                condition=models.Q(state="PROPOSED"),
                name="processor_change_one_open_per_processor",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="processor_change_has_a_maker"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="ADD", username__gt="", name__gt="")
                | models.Q(kind="REKEY", processor__isnull=False, keep_days__isnull=False)
                | models.Q(kind="EDIT", processor__isnull=False, name__gt="")
                | models.Q(kind="ENABLE", processor__isnull=False, from_state__gt=""),
                name="processor_change_has_what_it_needs",
            ),
            models.CheckConstraint(
                condition=models.Q(keep_days__isnull=True)
                | models.Q(keep_days__lte=MOST_DAYS_KEPT),
                name="processor_change_keeps_a_week_at_most",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="processor_change_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.system_id}"

    @property
    def counts_since(self) -> datetime | None:
        """Return since when the change counts; None: it doesn't."""
        return self.alone_at or (self.decided_at if self.state == self.State.APPROVED else None)

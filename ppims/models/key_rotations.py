"""What two admins decide about keys: that one gives way to a new one."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models.four_eyes import FourEyes, MayCountAlone

State = FourEyes.State
COUNTING_STATES = (State.APPROVED, State.ALONE, State.OBJECTED)


class KeyRotation(MayCountAlone):
    """A new key that takes the place of the one in use, and how far that is. `manage rotate` takes
    the steps.

    `from_key_id` was in use when this was proposed. From `began_at` on the ring has `made_key_id`
    as its next; at `filled_at` all that is found by a digest had one by it; from `first_at` on it
    is used; at `done_at` nothing was left to do.
    """

    class Purpose(models.TextChoices):
        DOCUMENT = "document", _("Document key")
        DIGEST = "digest", _("Digest key")
        LEDGER = "ledger", _("Ledger key")
        SESSION = "session", _("Session key")

    id = BigId(primary_key=True)
    purpose = models.CharField(max_length=8, choices=Purpose)
    from_key_id = models.CharField(max_length=8)
    made_key_id = models.CharField(max_length=8, blank=True, editable=False)
    began_at = models.DateTimeField(null=True, editable=False)
    filled_at = models.DateTimeField(null=True, editable=False)
    first_at = models.DateTimeField(null=True, editable=False)
    done_at = models.DateTimeField(null=True, editable=False)
    reason = models.CharField(max_length=500)

    OPEN: ClassVar = models.Q(state__in=[State.PROPOSED, *COUNTING_STATES], done_at=None)
    STEPS: ClassVar = ("made_key_id", "began_at", "filled_at", "first_at", "done_at")

    class Meta(MayCountAlone.Meta):
        permissions = [
            ("propose_keyrotation", "Can propose a new key"),
            ("approve_keyrotation", "Can approve a new key"),
        ]
        constraints = [
            *MayCountAlone.Meta.constraints,
            models.UniqueConstraint(
                fields=["purpose"],
                condition=models.Q(
                    state__in=["PROPOSED", "APPROVED", "ALONE", "OBJECTED"], done_at__isnull=True
                ),
                name="key_rotation_one_open_per_purpose",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="key_rotation_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="key_rotation_has_a_reason"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    made_key_id="",
                    began_at__isnull=True,
                    filled_at__isnull=True,
                    first_at__isnull=True,
                    done_at__isnull=True,
                )
                | models.Q(
                    models.Q(first_at__isnull=False) | models.Q(done_at__isnull=True),
                    made_key_id__gt="",
                    began_at__isnull=False,
                    state__in=["APPROVED", "ALONE", "OBJECTED"],
                ),
                name="key_rotation_goes_step_by_step",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.from_key_id}"

    @property
    def counts(self) -> bool:
        """Return whether its steps may be taken."""
        return self.state in COUNTING_STATES

"""What two admins change about a person of the staff."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models.four_eyes import MayCountAlone


class StaffChange(MayCountAlone):
    """A change of a person of the staff: somebody is added, given another role or a new password,
    shut out, let in again, or freed of a second factor that is lost.

    `person` is empty until somebody who is added is there. The password of who is added or reset is
    made when the maker opens the approved page: `password_given_at`.
    """

    class Kind(models.TextChoices):
        ADD = "ADD", _("Add")
        ROLE = "ROLE", _("Change role")
        RESET = "RESET", _("Reset password")
        DEACTIVATE = "DEACTIVATE", _("Deactivate")
        ACTIVATE = "ACTIVATE", _("Activate")
        FACTOR = "FACTOR", _("Reset second factor")

    id = BigId(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind)
    person = models.ForeignKey("ppims.User", models.PROTECT, null=True, related_name="changes")
    username = models.CharField(max_length=150)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    email = models.CharField(max_length=254, blank=True)
    from_role = models.CharField(max_length=20, blank=True)
    to_role = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500)
    password_given_at = models.DateTimeField(null=True, editable=False)

    class Meta(MayCountAlone.Meta):
        permissions = [
            ("propose_staffchange", "Can propose a change of the staff"),
            ("approve_staffchange", "Can approve a change of the staff"),
        ]
        constraints = [
            *MayCountAlone.Meta.constraints,
            models.UniqueConstraint(
                fields=["username"],
                condition=models.Q(state="PROPOSED"),
                name="staff_change_one_open_per_person",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=["ADD", "ROLE", "RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"]
                ),
                name="staff_change_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="staff_change_has_a_maker"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="ADD", to_role__gt="")
                | models.Q(kind="ROLE", person__isnull=False, to_role__gt="")
                | models.Q(
                    kind__in=["RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"], person__isnull=False
                ),
                name="staff_change_has_what_it_needs",
            ),
            models.CheckConstraint(
                condition=models.Q(person__isnull=True) | ~models.Q(person=models.F("maker")),
                name="staff_change_is_not_about_its_maker",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="staff_change_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.username}"

    @property
    def counts_since(self) -> datetime | None:
        """Return since when the change counts; None: it doesn't."""
        return self.alone_at or (self.decided_at if self.state == self.State.APPROVED else None)

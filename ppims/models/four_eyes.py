"""What every proposal has that one person makes and another decides."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_NOTE = 500  # characters


class FourEyes(models.Model):
    """A change that one person proposes and another decides (services/four_eyes.py). Abstract.

    Maker and checker both empty on an approved row: the installation itself approved it, at first
    start.
    """

    class State(models.TextChoices):
        PROPOSED = "PROPOSED", _("Proposed")
        APPROVED = "APPROVED", _("Approved")
        REJECTED = "REJECTED", _("Rejected")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn")
        # Of what MayCountAlone only.
        ALONE = "ALONE", _("Counts, to be confirmed")
        OBJECTED = "OBJECTED", _("Counts, objected to")

    state = models.CharField(max_length=9, choices=State, default=State.PROPOSED)
    maker = models.ForeignKey("ppims.User", models.PROTECT, null=True, blank=True, related_name="+")
    checker = models.ForeignKey(
        "ppims.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Who of the operating system's users typed it, where a command proposed it in the maker's name.
    operator = models.CharField(max_length=100, blank=True, editable=False)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.CharField(
        _("Reason of the decision"), max_length=LONGEST_NOTE, blank=True
    )

    DECISION: ClassVar = ("state", "decided_at", "checker", "decision_note")
    WAITING: ClassVar = models.Q(state=State.PROPOSED)  # as the index has it

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(maker__isnull=True)
                | models.Q(checker__isnull=True)
                | ~models.Q(maker=models.F("checker")),
                name="%(app_label)s_%(class)s_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["APPROVED", "REJECTED"])
                | models.Q(maker__isnull=False, checker__isnull=False, decided_at__isnull=False)
                | models.Q(maker__isnull=True, checker__isnull=True, decided_at__isnull=False),
                name="%(app_label)s_%(class)s_decision_has_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"]),
                name="%(app_label)s_%(class)s_state_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["proposed_at"],
                condition=models.Q(state="PROPOSED"),
                name="%(class)s_waiting",
            )
        ]


class MayCountAlone(FourEyes):
    """A proposal that counts at once where its maker is the one admin there is, and waits for a
    second one's eye: to confirm it, or to object, which is put on record and undoes nothing.
    Abstract.

    `alone_at` is since when it counted by its maker's word; `decided_at` when somebody saw it.
    """

    alone_at = models.DateTimeField(null=True, editable=False)

    WAITING: ClassVar = models.Q(state__in=[FourEyes.State.PROPOSED, FourEyes.State.ALONE])

    class Meta(FourEyes.Meta):
        abstract = True
        constraints = [
            *FourEyes.Meta.constraints[:2],
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"],
                )
                | models.Q(
                    state="ALONE",
                    maker__isnull=False,
                    checker__isnull=True,
                    alone_at__isnull=False,
                    decided_at__isnull=True,
                )
                | models.Q(
                    state="OBJECTED",
                    maker__isnull=False,
                    checker__isnull=False,
                    alone_at__isnull=False,
                    decided_at__isnull=False,
                ),
                name="%(app_label)s_%(class)s_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["APPROVED", "ALONE", "OBJECTED"])
                | models.Q(alone_at__isnull=True),
                name="%(app_label)s_%(class)s_alone_counts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["proposed_at"],
                condition=models.Q(state__in=["PROPOSED", "ALONE"]),
                name="%(class)s_waiting",
            )
        ]

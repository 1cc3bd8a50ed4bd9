"""Who calls the API."""

from datetime import date, datetime

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.core import calendar, free_text, networks

MOST_REQUESTS_PER_SECOND = 100_000


class Processor(models.Model):
    """A payment processor, which calls the API as one System_Id."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        WINDING_DOWN = "WINDING_DOWN", _("Winding down")
        DISABLED = "DISABLED", _("Disabled")

    system_id = models.CharField(
        "System id",
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9_-]+\Z", _("Only A–Z, a–z, 0–9, - and _."))],
    )
    name = models.CharField(max_length=100)
    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[!-~]+\Z", _("Letters, digits and signs, without spaces."))],
    )
    password = models.CharField(max_length=128, editable=False)
    password_at = models.DateTimeField(null=True, editable=False)  # when it was made; None: unknown
    # Proves to other workers that one has verified the password (services/credentials.py). A copy
    # of the database elsewhere has another session key: there it proves nothing.
    proof = models.BinaryField(null=True)
    # The password before this one, which is right too until an instant: a processor takes a new one
    # without an outage.
    former_password = models.CharField(max_length=128, blank=True, editable=False)
    former_proof = models.BinaryField(null=True)
    former_until = models.DateTimeField(null=True, editable=False)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    hold_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How long its holds last, 1 to 1440; empty: the installation's own.",
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
    )
    # From where it may call, as ppims/core/networks.py writes them; "": from anywhere.
    networks = models.CharField(
        max_length=networks.LONGEST_TEXT, blank=True, validators=[networks.require_canonical]
    )
    # How often it may call, on each machine; None: as often as it likes.
    requests_per_second = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_REQUESTS_PER_SECOND)],
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hold_minutes__isnull=True)
                | models.Q(hold_minutes__range=(1, 1440)),
                name="processor_holds_last_1_to_1440_minutes",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_second__isnull=True)
                | models.Q(requests_per_second__range=(1, MOST_REQUESTS_PER_SECOND)),
                name="processor_asks_1_to_100000_times_a_second",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["ACTIVE", "WINDING_DOWN", "DISABLED"]),
                name="processor_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(former_password="", former_until__isnull=True)
                | ~models.Q(former_password="") & models.Q(former_until__isnull=False),
                name="processor_former_password_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.system_id

    def clean(self) -> None:
        free_text.validate_row(self)

    def count_password_days(self, today: date) -> int | None:
        """Count how many days old the password is, never less than none; None: nobody knows."""
        made_at = self.password_at
        return max((today - calendar.find_ist_day(made_at)).days, 0) if made_at else None

    def has_former_password(self, at: datetime) -> bool:
        """Whether the password before this one is right too at an instant: up to its end, not at
        it.
        """
        return self.former_until is not None and at < self.former_until

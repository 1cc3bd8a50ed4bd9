"""What is counted for people to look at: made from the ledger, and made anew where it is gone."""

from django.db import models

from customers.models import Customer
from ppims.core.formats import ist
from ppims.db.fields import ByTime, GivenId, Instant, Paise

NEAR_PERMILLE, FULL_PERMILLE = 800, 1_000  # how much of a limit is used


class Figures(models.Model):
    """What the overview tells, as of an instant: one row, brought up to date by whoever looks.

    `state` is JSON, of ppims.reports.overview_counts alone. Until `claimed_until` somebody is at
    it; `version` lets the first of two win.
    """

    number = GivenId(primary_key=True)
    version = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    claimed_until = models.DateTimeField()
    state = models.TextField()

    class Meta:
        verbose_name_plural = "figures"

    def __str__(self) -> str:
        return f"Figures as of {ist(self.at)}"


class Watched(models.Model):
    """A customer who has used most of a limit, or is among the month's top spenders.

    `permille` is how much is used of the MONTH or FINANCIAL_YEAR limit that is used most.
    """

    class Level(models.IntegerChoices):
        NONE = 0, "Below 80 %"
        NEAR = 1, "Near the limit"
        AT_LIMIT = 2, "At the limit"

        @property
        def slug(self) -> str:
            """Name it as pages' addresses and styles do."""
            return ("far", "near", "reached")[self]

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="+")
    created_at = models.DateTimeField()
    month = models.PositiveIntegerField()
    level = models.PositiveSmallIntegerField(choices=Level)
    permille = models.PositiveIntegerField()
    debit_paise = Paise()

    class Meta:
        verbose_name_plural = "watched"
        indexes = [
            models.Index(fields=["month", "debit_paise"], name="watched_by_spend"),
            ByTime(
                *("month", Instant("created_at"), "level"),
                condition=models.Q(level__gt=0),
                name="watched_near_a_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_level_display()}"


def find_level(permille: int) -> Watched.Level:
    """Find how near its limit is what uses so much of it."""
    if permille < NEAR_PERMILLE:
        return Watched.Level.NONE
    return Watched.Level.NEAR if permille < FULL_PERMILLE else Watched.Level.AT_LIMIT

"""What is counted for people to look at: made from the ledger, and made anew where it is gone."""

from django.db import models

from customers.models import Customer
from ppims.core.formats import ist
from ppims.db.fields import ByTime, GivenId, Instant

OF_ALL, BY_PROCESSOR = 1, 2  # rows of OverviewSnapshot
NEAR_PERMILLE, FULL_PERMILLE = 800, 1_000  # how much of a limit is used


class OverviewSnapshot(models.Model):
    """What the overview tells, as of an instant: one row, brought up to date by whoever looks; and
    a second row, kept with it, of what is counted by processor, which most pages don't read.

    `state` is JSON, of ppims.reports.overview_counts alone. Until `claimed_until` somebody is at
    it; `version` lets the first of two win. Both are the first row's.
    """

    number = GivenId(primary_key=True)
    version = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    claimed_until = models.DateTimeField()
    state = models.TextField()

    class Meta:
        db_table = "limits_figures"

    def __str__(self) -> str:
        return f"Figures as of {ist(self.at)}"


class NearLimit(models.Model):
    """A customer who has used most of a limit.

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

    class Meta:
        db_table = "limits_watched"
        verbose_name_plural = "near limits"
        indexes = [
            models.Index(fields=["month", "permille", "customer"], name="watched_by_use"),
            ByTime(*("month", Instant("created_at"), "level"), name="watched_near_a_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_level_display()}"


def find_level(permille: int) -> NearLimit.Level:
    """Find how near its limit is what uses so much of it."""
    if permille < NEAR_PERMILLE:
        return NearLimit.Level.NONE
    return NearLimit.Level.NEAR if permille < FULL_PERMILLE else NearLimit.Level.AT_LIMIT

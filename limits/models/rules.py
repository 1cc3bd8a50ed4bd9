"""Limit rules as dated data."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from ppims.db.fields import BigId, Paise
from ppims.models import FourEyes


class Direction(models.TextChoices):
    """Which way the money goes, as Tran_Type writes it."""

    DEBIT = "D", _("Spend")
    CREDIT = "C", _("Load")


class Window(models.TextChoices):
    """What a rule's amount is measured over. Of CREDIT_STOP the amount is months."""

    TRANSACTION = "TRANSACTION", _("One transaction")
    MONTH = "MONTH", _("Calendar month")
    FINANCIAL_YEAR = "FINANCIAL_YEAR", _("Financial year")
    BALANCE = "BALANCE", _("Balance at any time")
    CREDIT_STOP = "CREDIT_STOP", _("Months until loading stops")


class LimitRuleQuerySet(models.QuerySet):  # type: ignore[type-arg]  # not subscriptable at run time
    def list_in_force(
        self, at: datetime, *, tier: str | None = None, direction: str | None = None
    ) -> list["LimitRule"]:
        """Give the approved rules in force at an instant: per tier, direction and window the latest
        start.

        A rule without an amount is in force too: it says that there is no limit.
        """
        rules = self.filter(state=FourEyes.State.APPROVED, in_force_from__lte=at)
        if tier:
            rules = rules.filter(tier=tier)
        if direction:
            rules = rules.filter(direction=direction)
        latest = {(r.tier, r.direction, r.window): r for r in rules.order_by("in_force_from", "pk")}
        return list(latest.values())


class LimitRule(FourEyes):
    """One limit for one tier, direction and window, from an instant on. Never edited: a change is a
    new row.
    """

    id = BigId(primary_key=True)
    tier = models.CharField("KYC tier", max_length=1, choices=Tier)
    direction = models.CharField(max_length=1, choices=Direction)
    window = models.CharField(max_length=14, choices=Window)
    amount = Paise(
        null=True,
        blank=True,
        help_text="In paise; of CREDIT_STOP, months. Empty: no limit from then on.",
    )
    in_force_from = models.DateTimeField(
        null=True, blank=True, help_text="Before its approval, or empty: from the approval on."
    )
    source = models.CharField(
        max_length=200, help_text='Where the figure comes from: "MD-PPIs 2021, para 9.1(i)"'
    )

    objects = LimitRuleQuerySet.as_manager()

    class Meta(FourEyes.Meta):
        permissions = [("approve_limitrule", "Can approve a limit rule")]
        constraints = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gt=0),
                name="limit_rule_amount_is_positive",
            ),
            models.CheckConstraint(
                condition=~Q(window__in=["BALANCE", "CREDIT_STOP"]) | Q(direction="C"),
                name="limit_rule_balance_and_stop_are_for_loads",
            ),
            models.CheckConstraint(
                condition=~Q(state="APPROVED") | Q(in_force_from__isnull=False),
                name="limit_rule_approved_has_a_start",
            ),
            models.CheckConstraint(condition=~Q(source=""), name="limit_rule_has_a_source"),
        ]

    def __str__(self) -> str:
        parts = (self.get_tier_display(), self.get_direction_display(), self.get_window_display())
        return ", ".join(parts)

"""Limit rules as dated data."""

from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from ppims.core.formats import inr
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


def write_limit(amount: int | None, window: str | None = None) -> str:
    """Write a limit for people: rupees, months of a CREDIT_STOP, or that there is none."""
    if amount is None:
        return gettext("No limit")
    if window == Window.CREDIT_STOP:
        return ngettext("%(n)d month", "%(n)d months", amount) % {"n": amount}
    return inr(amount)


class RuleSet(FourEyes):
    """One change of limits, which is proposed and decided as one: its rules are all of it, and each
    is decided with it. `effect` is what it would have done, as JSON (limits.effect): empty until
    that was worked out, and never of one that is decided. `pack` names the file that it is from.
    """

    id = BigId(primary_key=True)
    pack = models.CharField(max_length=100, blank=True)
    effect = models.TextField(blank=True)

    class Meta(FourEyes.Meta):
        verbose_name = "change of limits"
        default_permissions = ()  # who proposes and approves is said of its rules

    def __str__(self) -> str:
        return f"change of limits {self.pk}"


class LimitRule(FourEyes):
    """One limit for one tier, direction and window, from an instant on. Never edited: a change is a
    new row. Those of the first start, and older ones, are of no set.
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

    rule_set = models.ForeignKey(
        RuleSet, models.PROTECT, null=True, blank=True, editable=False, related_name="rules"
    )

    class Meta(FourEyes.Meta):
        permissions = [("approve_limitrule", "Can approve a limit rule")]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["rule_set", "tier", "direction", "window"],
                condition=models.Q(rule_set__isnull=False),
                name="limit_rule_is_once_in_its_set",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__isnull=True) | models.Q(amount__gt=0),
                name="limit_rule_amount_is_positive",
            ),
            models.CheckConstraint(
                condition=~models.Q(window__in=["BALANCE", "CREDIT_STOP"])
                | models.Q(direction="C"),
                name="limit_rule_balance_and_stop_are_for_loads",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="APPROVED") | models.Q(in_force_from__isnull=False),
                name="limit_rule_approved_has_a_start",
            ),
            models.CheckConstraint(condition=~models.Q(source=""), name="limit_rule_has_a_source"),
        ]

    @property
    def amount_text(self) -> str:
        return write_limit(self.amount, self.window)

    def __str__(self) -> str:
        parts = (self.get_tier_display(), self.get_direction_display(), self.get_window_display())
        return ", ".join(parts)

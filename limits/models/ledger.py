"""The append-only ledger, and the monthly cache of its sums."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from limits.models.adjustments import Adjustment
from limits.models.checks import BY_TIME, LimitCheck
from limits.models.rules import Direction, LimitRule
from ppims.db.fields import BigId, ByTime, Paise
from ppims.models import Processor


class LedgerEntry(models.Model):
    """One accepted update or staff adjustment, for ever. Only limits.plan says what is written.

    `month` is the month booked (202611), `amount_paise` as reported; a RELEASE moves no total,
    a REVERSE takes away; that of an ADJUST has its own sign. `reverses` is the posting that
    a REVERSE, or an ADJUST that names one, gives back of; either has its `tran_id`. In `ref_id` a
    MOVE names its merge, an OPENING the import that brought it; neither is a processor's.
    `used_after_paise`, `held_after_paise`, `limit_paise`, `rule` and `tier` are what its flags rest
    on, in the month booked; `cumulative_paise` and `available_paise` are what the reply gave.
    `digest` chains it to the customer's last.
    """

    class Kind(models.TextChoices):
        POST = "S", _("Posted")
        RELEASE = "F", _("Released")
        REVERSE = "R", _("Reversed")
        ADJUST = "A", _("Adjusted")
        MOVE = "M", _("Moved")
        OPENING = "O", _("Opening")

    class Flag(models.TextChoices):
        LATE = "LATE", _("after its hold ended")
        DECLINED = "DECLINED", _("though declined")
        UNCHECKED = "UNCHECKED", _("without a check")
        AMOUNT_DIFFERS = "AMOUNT_DIFFERS", _("with another amount")
        OVER_LIMIT = "OVER_LIMIT", _("over the limit")
        BLOCKED = "BLOCKED", _("while blocked")

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    unique_id_sent = models.BigIntegerField()
    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, related_name="+", db_index=False
    )
    ref_id = models.CharField("Ref_Id", max_length=32, blank=True)
    at = models.DateTimeField()
    arrival_month = models.PositiveIntegerField()
    month = models.PositiveIntegerField()
    kind = models.CharField(max_length=1, choices=Kind)
    direction = models.CharField(max_length=1, choices=Direction)
    amount_paise = Paise()
    balance_paise = Paise(null=True)
    tran_id = models.CharField("Tran_Id", max_length=32, blank=True)
    enquiry_ref_id = models.CharField("Enquiry_Ref_Id", max_length=32, blank=True)
    limit_check = models.ForeignKey(
        LimitCheck, models.PROTECT, null=True, related_name="+", db_index=False
    )
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", db_index=False
    )
    adjustment = models.ForeignKey(
        Adjustment, models.PROTECT, null=True, related_name="+", db_index=False
    )
    flags = models.CharField(max_length=80, blank=True)
    tier = models.CharField(max_length=1, choices=Tier)
    used_after_paise = Paise()
    held_after_paise = Paise()
    limit_paise = Paise(null=True)
    rule = models.ForeignKey(LimitRule, models.PROTECT, null=True, related_name="+", db_index=False)
    cumulative_paise = Paise()
    available_paise = Paise(null=True)
    key_id = models.CharField(max_length=8)
    digest = models.BinaryField()

    class Meta:
        verbose_name_plural = "ledger entries"
        permissions = [
            ("export_ledgerentry", "Can export transactions"),
            ("read_reports", "Can read a month's figures"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "number"], name="ledger_entry_has_its_place"
            ),
            models.UniqueConstraint(
                fields=["customer", "limit_check"],
                condition=models.Q(kind="S"),
                name="ledger_entry_settles_a_check_once",
            ),
            models.UniqueConstraint(
                # It begins as a search by Tran_Id does. A transfer has one number both ways. Of two
                # who were merged, and are two again, each may have posted one in the same ledger.
                fields=["tran_id", "customer", "processor", "direction", "unique_id_sent"],
                condition=models.Q(kind="S") & ~models.Q(tran_id=""),
                name="ledger_entry_posts_a_tran_id_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["S", "F", "R"]) | models.Q(amount_paise__gt=0),
                name="ledger_entry_amount_is_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="R", reverses__isnull=False)
                | models.Q(kind="A", amount_paise__lt=0)
                | ~models.Q(kind="R") & models.Q(reverses__isnull=True),
                name="ledger_entry_reversal_names_its_posting",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="A", adjustment__isnull=False, processor__isnull=True)
                | ~models.Q(kind="A") & models.Q(adjustment__isnull=True),
                name="ledger_entry_adjustment_names_its_proposal",
            ),
            models.UniqueConstraint(
                fields=["customer", "adjustment"],
                condition=models.Q(kind="A"),
                name="ledger_entry_adjusts_once",
            ),
            models.UniqueConstraint(
                fields=["customer", "ref_id", "unique_id_sent", "month", "direction"],
                condition=models.Q(kind="O"),
                name="ledger_entry_opens_once",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "month"], name="ledger_entry_by_month"),
            ByTime(*BY_TIME, "kind", name="entry_by_time"),
            ByTime(*BY_TIME, "kind", "flags", condition=~models.Q(flags=""), name="entry_flagged"),
            ByTime(
                *BY_TIME,
                "kind",
                condition=models.Q(limit_check=None, reverses=None),
                name="entry_head_by_time",
            ),
            ByTime(*BY_TIME, "kind", condition=models.Q(kind="A"), name="entry_adjusted_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.ref_id}"

    @property
    def flag_list(self) -> list[str]:
        return self.flags.split(",") if self.flags else []


class LedgerHead(models.Model):
    """The newest link of a customer's chain, the counts of entries and checks, the last instant:
    and the lock.

    Whoever checks or posts for the customer locks this row first and reads all else after.
    """

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="+")
    entry_count = models.PositiveIntegerField(default=0)
    check_count = models.PositiveIntegerField(default=0)
    last_digest = models.BinaryField(default=b"")
    last_at = models.DateTimeField(null=True)
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.entry_count} entries"


class MonthlyUsage(models.Model):
    """What a customer has used in one month: a cache of the ledger's sums. A missing row is summed,
    never zero.
    """

    pk = models.CompositePrimaryKey("customer_id", "month")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    month = models.PositiveIntegerField()
    debit_paise = Paise()
    credit_paise = Paise()

    class Meta:
        verbose_name_plural = "monthly usage"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(debit_paise__gte=0, credit_paise__gte=0),
                name="monthly_usage_is_never_negative",
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.month}"

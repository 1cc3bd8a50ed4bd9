"""Two customers who are one person, and what is left of that when they turn out to be two."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId
from ppims.models import FourEyes


class Merge(FourEyes):
    """A proposal that two customers are one person, or that a merged one is another after all.

    `customer` survives, `merged_id` is the Unique_Id of the other one. `review_id` is the review
    item that asked, if one did; `has_blocked` says that the survivor was blocked by it, because the
    other one was. docs/ledger.md, "Merges".
    """

    class Kind(models.TextChoices):
        MERGE = "MERGE", _("Merge")
        UNMERGE = "UNMERGE", _("Un-merge")

    id = BigId(primary_key=True)
    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="merges")
    merged_id = models.BigIntegerField()  # no key: the other may be on another machine
    kind = models.CharField(max_length=7, choices=Kind)
    review_id = models.BigIntegerField(null=True)  # no key: it may be the other one's
    has_blocked = models.BooleanField(default=False)
    reason = models.CharField(max_length=500)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_merge", "Can propose to merge or un-merge customers"),
            ("approve_merge", "Can approve that customers are merged or un-merged"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["customer", "merged_id"],
                condition=models.Q(state="PROPOSED"),
                name="merge_one_open_a_pair",
            ),
            models.CheckConstraint(
                condition=~models.Q(customer=models.F("merged_id")), name="merge_is_of_two"
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="merge_has_a_maker"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="merge_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class Kin(models.Model):
    """Another customer in whose ledger rows of this one may be: the two were merged once, or are,
    directly or through others. There is a row each way, for ever.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(
        "customers.Customer", models.PROTECT, related_name="kin", db_index=False
    )
    other_id = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "kin"
        constraints = [
            models.UniqueConstraint(fields=["customer", "other_id"], name="kin_once_a_pair")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} and {self.other_id}"

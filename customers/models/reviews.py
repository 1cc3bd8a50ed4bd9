"""Customers who may be one person, for staff to decide."""

import json

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer
from ppims.core import keys
from ppims.db.fields import BigId
from ppims.models import FourEyes, Processor, User


class DuplicateReview(models.Model):
    """A claim which may, or may not, be by the person on record: staff decide. One row a pair.

    The pair is the customer on record and a keyed digest of the claim's mobile, birth date and
    document. The claim itself is kept encrypted, and so is the `evidence` that it was decided on.
    `claimant` is set where the claim was made for another customer on record; `merged_at` once both
    are one.
    """

    class Outcome(models.TextChoices):
        SAME_PERSON = "SAME_PERSON", _("Same person")
        NUMBER_PASSED_ON = "NUMBER_PASSED_ON", _("Number passed on")
        DIFFERENT_PEOPLE = "DIFFERENT_PEOPLE", _("Different people")

    id = BigId(primary_key=True)
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="duplicate_reviews", db_index=False
    )
    claimant = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    claim_digest = models.BinaryField(max_length=16)
    key_id = models.CharField(max_length=8)
    claim = models.BinaryField()
    is_by_mobile = models.BooleanField()
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    opened_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    evidence_key_id = models.CharField(max_length=8, blank=True)
    evidence = models.BinaryField(default=b"")
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    merged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("decide_duplicatereview", "Can decide a duplicate review")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "claim_digest"], name="duplicate_review_once_a_pair"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="", decided_at__isnull=True, decided_by__isnull=True)
                | ~models.Q(outcome="")
                & ~models.Q(reason="")
                & models.Q(decided_at__isnull=False, decided_by__isnull=False),
                name="duplicate_review_outcome_has_who_when_why",
            ),
        ]
        indexes = [
            models.Index(fields=["outcome", "opened_at"], name="duplicate_review_queue"),
            models.Index(
                fields=["claimant"],
                condition=models.Q(claimant__isnull=False),
                name="duplicate_review_by_claimant",
            ),
            models.Index(
                fields=["opened_at"],
                condition=models.Q(
                    outcome="SAME_PERSON", claimant__isnull=False, merged_at__isnull=True
                ),
                name="duplicate_review_to_be_merged",
            ),
        ]

    def __str__(self) -> str:
        return f"Review {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it is undecided, or one person has two records, which wait to be merged."""
        return not self.outcome or (
            self.outcome == self.Outcome.SAME_PERSON
            and self.claimant_id is not None
            and self.merged_at is None
        )

    @property
    def bound_to(self) -> str:
        return f"claim {self.customer_id} {bytes(self.claim_digest).hex()}"

    def seal(self, claim: dict[str, str | None]) -> None:
        self.key_id, self.claim = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS,
            json.dumps(claim, ensure_ascii=False),
            bound_to=self.bound_to,
        )

    def read_claim(self) -> dict[str, str | None]:
        """Decrypt the claim, as claims.describe_claim wrote it."""
        opened = keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.claim), bound_to=self.bound_to
        )
        return dict(json.loads(opened))


class NumberPassedOn(FourEyes):
    """A proposal that a mobile number belongs to somebody else by now: once it is approved, it
    finds its old holder no more, and the review that asked is decided.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(
        "customers.Customer", models.PROTECT, related_name="numbers_passed_on"
    )
    review = models.ForeignKey(DuplicateReview, models.PROTECT, related_name="numbers_passed_on")
    reason = models.CharField(max_length=500)

    class Meta(FourEyes.Meta):
        verbose_name_plural = "numbers passed on"
        permissions = [
            ("propose_numberpassedon", "Can propose that a number was passed on"),
            ("approve_numberpassedon", "Can approve that a number was passed on"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="PROPOSED"),
                name="number_passed_on_one_open_per_customer",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="number_passed_on_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="number_passed_on_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Number passed on {self.pk}"

"""What one person of the staff proposes for a customer, and another decides."""

from django.conf import settings
from django.db import models

from customers.choices import DocumentKind, Tier
from ppims.core import keys
from ppims.db.fields import BigId
from ppims.models import FourEyes


class Unblocking(FourEyes):
    """A proposal to unblock a customer: one person proposes it, another approves it."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="unblockings")
    reason = models.CharField(max_length=500)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_unblocking", "Can propose to unblock a customer"),
            ("approve_unblocking", "Can approve that a customer is unblocked"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="PROPOSED"),
                name="unblocking_one_open_per_customer",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="unblocking_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"Unblock {self.customer_id}"


class KycProposal(FourEyes):
    """A proposal to raise a customer to Full KYC, or to lower the KYC: what is, and what is to be.

    `from_...` is the record that it was proposed on, `documents` the ids of those then on record.
    A document that comes with it is kept encrypted until the approval records it. `updated_on`
    empty: the instant of the approval.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="kyc_proposals")
    from_tier = models.CharField(max_length=1, choices=Tier)
    from_channel = models.CharField(max_length=100)
    from_updated_on = models.DateTimeField()
    documents = models.CharField(max_length=200, blank=True)
    to_tier = models.CharField(max_length=1, choices=Tier)
    channel = models.CharField(max_length=100)
    updated_on = models.DateTimeField(null=True, blank=True)
    document_kind = models.CharField(max_length=3, choices=DocumentKind, blank=True)
    document_last_four = models.CharField(max_length=4, blank=True)
    document_digest = models.BinaryField(max_length=16, default=b"")
    key_id = models.CharField(max_length=8, blank=True)
    sealed = models.BinaryField(default=b"")
    reason = models.CharField(max_length=500)

    class Meta(FourEyes.Meta):
        permissions = [
            ("propose_kycproposal", "Can propose Full KYC, or a lower one"),
            ("approve_kycproposal", "Can approve Full KYC, or a lower one"),
        ]
        constraints = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="PROPOSED"),
                name="kyc_proposal_one_open_per_customer",
            ),
            models.CheckConstraint(
                condition=models.Q(maker__isnull=False), name="kyc_proposal_has_a_maker"
            ),
            models.CheckConstraint(
                condition=~models.Q(from_tier=models.F("to_tier")),
                name="kyc_proposal_changes_the_tier",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="kyc_proposal_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_from_tier_display()} → {self.get_to_tier_display()}"

    @property
    def masked_document(self) -> str:
        """Return the kind and the masked number of its document; "" where it has none."""
        if not self.document_kind:
            return ""
        return f"{self.get_document_kind_display()} ••••{self.document_last_four}"

    @property
    def bound_to(self) -> str:
        digest = bytes(self.document_digest).hex()
        return f"kyc proposal {self.customer_id} {self.document_kind} {digest}"

    def seal(self, kind: str, number: str) -> None:
        """Encrypt a document's number into this row, unsaved; its customer is set already."""
        self.document_kind, self.document_last_four = kind, number[-4:]
        self.document_digest = keys.digest(settings.PPIMS_DIGEST_KEYS, kind, number)
        self.key_id, self.sealed = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS, number, bound_to=self.bound_to
        )

    def read_document(self) -> tuple[str, str] | None:
        """Decrypt the kind and number of its document; None where it has none."""
        if not self.document_kind:
            return None
        return self.document_kind, keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.sealed), bound_to=self.bound_to
        )

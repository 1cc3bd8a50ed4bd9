"""People who hold prepaid instruments, how well they are known, and what identifies them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.choices import DocumentKind, Tier
from ppims.core import keys
from ppims.core.formats import mask
from ppims.db.fields import BigId, ByTime, GivenId, Instant


class Customer(models.Model):
    """One person, however many processors know them. The key is the Unique_Id: 15 digits, random,
    never reused.

    `tier_since` is the tier's first KYC_Updated_On, or its arrival where that was absent;
    CREDIT_STOP counts from it. `survivor_id` is of those who were ever merged: the Unique_Id that
    this one was merged into, or its own; Kin has whose ledgers then to look into.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        BLOCKED = "BLOCKED", _("Blocked by us")

    unique_id = GivenId("Unique_Id", primary_key=True)
    name = models.CharField(max_length=100)
    mobile = models.CharField(max_length=12, blank=True)
    date_of_birth = models.DateField()
    maiden_name = models.CharField(max_length=100, blank=True)
    email = models.CharField(max_length=254, blank=True)
    address_line1 = models.CharField(max_length=100, blank=True)
    address_line2 = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    pincode = models.CharField(max_length=10, blank=True)
    nri_flag = models.CharField(max_length=1, blank=True)
    tier = models.CharField("KYC tier", max_length=1, choices=Tier)
    tier_since = models.DateTimeField()
    kyc_updated_channel = models.CharField(max_length=100)
    kyc_updated_on = models.DateTimeField()
    status = models.CharField(max_length=7, choices=Status, default=Status.ACTIVE)
    blocked_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    survivor_id = models.BigIntegerField(null=True, editable=False)

    class Meta:
        permissions = [
            ("block_customer", "Can block a customer"),
            ("reveal_customer", "Can reveal personal data, with a reason"),
            ("export_customer", "Can export a statement"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(unique_id__range=(10**14, 10**15 - 1)),
                name="customer_unique_id_has_15_digits",
            ),
            models.CheckConstraint(
                condition=models.Q(tier__in=["N", "P", "F"]), name="customer_tier_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status="ACTIVE", blocked_reason="")
                | models.Q(status="BLOCKED") & ~models.Q(blocked_reason=""),
                name="customer_blocked_has_a_reason",
            ),
        ]
        indexes = [
            ByTime(Instant("created_at"), "tier", "status", name="customer_by_arrival"),
            ByTime(
                Instant("created_at"),
                "tier",
                condition=models.Q(status="BLOCKED"),
                name="customer_blocked",
            ),
        ]

    def __str__(self) -> str:
        return str(self.unique_id)

    @property
    def masked_mobile(self) -> str:
        return mask(self.mobile, shown=4)

    @property
    def is_blocked(self) -> bool:
        return self.status == self.Status.BLOCKED


class Identifier(models.Model):
    """A mobile number or document by which one customer is found, over all processors.

    Only a keyed digest is kept. The unique insert decides whose it is, never a read before it.
    `key_id` names the digest's key; None: it is one of before keys were named here.
    """

    pk = models.CompositePrimaryKey("kind", "digest")
    kind = models.CharField(max_length=3)
    digest = models.BinaryField(max_length=16)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="identifiers")
    key_id = models.CharField(max_length=8, null=True, editable=False)  # noqa: DJ001 - unknown

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"

    @staticmethod
    def digest_of(kind: str, value: str) -> bytes:
        return keys.digest(settings.PPIMS_DIGEST_KEYS, kind, value)

    @staticmethod
    def list_digests(kind: str, value: str) -> list[bytes]:
        """Digest it by each key that it may be found under, the one in use first."""
        return keys.digest_by_each(settings.PPIMS_DIGEST_KEYS, kind, value)


class Document(models.Model):
    """A document on record, its number encrypted and bound to this customer, kind and digest."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="documents", db_index=False)
    kind = models.CharField(max_length=3, choices=DocumentKind)
    digest = models.BinaryField(max_length=16)
    last_four = models.CharField(max_length=4)
    key_id = models.CharField(max_length=8)
    sealed = models.BinaryField()
    recorded_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "kind"],
                condition=models.Q(replaced_at__isnull=True),
                name="document_one_of_a_kind_on_record",
            )
        ]
        indexes = [models.Index(fields=["customer"], name="document_by_customer")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.masked}"

    @property
    def masked(self) -> str:
        return f"••••{self.last_four}"

    @property
    def bound_to(self) -> str:
        return f"document {self.customer_id} {self.kind} {bytes(self.digest).hex()}"

    def seal(self, number: str) -> None:
        """Encrypt the number into this row, unsaved; customer and kind are set already."""
        self.digest = Identifier.digest_of(self.kind, number)
        self.last_four = number[-4:]
        self.key_id, self.sealed = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS, number, bound_to=self.bound_to
        )

    def list_digests(self) -> list[bytes]:
        """List the digests that it may be found under: its own, and of a ring of several keys the
        others.
        """
        if len(settings.PPIMS_DIGEST_KEYS) == 1:
            return [bytes(self.digest)]
        return [bytes(self.digest), *Identifier.list_digests(self.kind, self.reveal())]

    def reveal(self) -> str:
        """Decrypt the number, for a person whose reason is in the audit."""
        return keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.sealed), bound_to=self.bound_to
        )

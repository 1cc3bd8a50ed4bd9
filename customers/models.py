"""People who hold prepaid instruments, how well they are known, and through whom."""

import json

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.kinds import DocumentKind, InstrumentStatus, Tier, mask
from customers.names import NameWord  # noqa: F401 - Django looks for models here
from customers.notes import CustomerNote  # noqa: F401 - and for this one
from customers.proposals import KycProposal, Unblocking  # noqa: F401 - and for these
from ppims import keys
from ppims.models import Operation, Processor, User
from ppims.tables import BigId, ByTime, GivenId, Instant


class Customer(models.Model):
    """One person, however many processors know them. The key is the Unique_Id: 15 digits, random,
    never reused.

    `tier_since` (what CREDIT_STOP counts from) is the tier's first KYC_Updated_On or its arrival.
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

    class Meta:
        permissions = [
            ("block_customer", "Can block a customer"),
            ("reveal_customer", "Can reveal personal data, with a reason"),
            ("export_customer", "Can export a statement"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(unique_id__range=(10**14, 10**15 - 1)),
                name="customer_unique_id_has_15_digits",
            ),
            models.CheckConstraint(
                condition=Q(tier__in=["N", "P", "F"]), name="customer_tier_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status="ACTIVE", blocked_reason="")
                | Q(status="BLOCKED") & ~Q(blocked_reason=""),
                name="customer_blocked_has_a_reason",
            ),
        ]
        indexes = [
            ByTime(Instant("created_at"), "tier", "status", name="customer_by_arrival"),
            ByTime(
                Instant("created_at"),
                "tier",
                condition=Q(status="BLOCKED"),
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
    """A mobile number or document that finds one customer: by keyed digest, over all processors.

    The unique insert here decides whose it is.
    """

    pk = models.CompositePrimaryKey("kind", "digest")
    kind = models.CharField(max_length=3)
    digest = models.BinaryField(max_length=16)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="identifiers")

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"

    @staticmethod
    def digest_of(kind: str, value: str) -> bytes:
        return keys.digest(settings.PPIMS_DIGEST_KEYS, kind, value)


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
                condition=Q(replaced_at__isnull=True),
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
        """Encrypt the number into this row; customer and kind are set already."""
        self.digest = Identifier.digest_of(self.kind, number)
        self.last_four = number[-4:]
        self.key_id, self.sealed = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS, number, bound_to=self.bound_to
        )

    def reveal(self) -> str:
        """Decrypt the number: for a person who has given a reason, which is audited."""
        return keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.sealed), bound_to=self.bound_to
        )


class Registration(models.Model):
    """A customer known through one processor: what makes the customer visible to it.

    `customer_ref` is the processor's own Customer_Id.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="registrations", db_index=False
    )
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    customer_ref = models.CharField("Customer_Id", max_length=32)
    cif_id = models.CharField("Cif_Id", max_length=32, blank=True)
    customer_type = models.CharField(max_length=2)
    ppi_type = models.CharField(max_length=2, blank=True)
    registered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "processor"], name="registration_once_per_processor"
            )
        ]
        indexes = [
            ByTime(
                "processor", Instant("registered_at"), "customer", name="registration_by_arrival"
            ),
            models.Index(
                fields=["customer_ref"],
                condition=~Q(customer_ref=""),
                name="registration_by_customer_ref",
            ),
            models.Index(fields=["cif_id"], condition=~Q(cif_id=""), name="registration_by_cif_id"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} through {self.processor}"


class Account(models.Model):
    """An account that a processor has told of for a customer."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="accounts", db_index=False)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    number = models.CharField("Account_Number", max_length=32)
    status = models.CharField(max_length=1, choices=InstrumentStatus)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "processor", "number"], name="account_once_per_processor"
            )
        ]
        indexes = [models.Index(fields=["number"], name="account_by_number")]

    def __str__(self) -> str:
        return f"{self.masked} ({self.get_status_display()})"

    @property
    def masked(self) -> str:
        return mask(self.number, shown=4)


class Card(models.Model):
    """A card that a processor has told of for a customer: last four and a keyed digest are kept."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="cards", db_index=False)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=16)
    last_four = models.CharField(max_length=4)
    expires = models.CharField("Card_Exp_date", max_length=10, blank=True)
    status = models.CharField(max_length=1, choices=InstrumentStatus)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "processor", "digest"], name="card_once_per_processor"
            )
        ]
        indexes = [models.Index(fields=["last_four", "customer"], name="card_by_last_four")]

    def __str__(self) -> str:
        return f"{self.masked} ({self.get_status_display()})"

    @property
    def masked(self) -> str:
        return f"••••{self.last_four}"

    @staticmethod
    def digest_of(number: str) -> bytes:
        return keys.digest(settings.PPIMS_DIGEST_KEYS, "card", number)


class KycChange(models.Model):
    """One change of what is known of a customer: who, through which channel, when, from, to."""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="kyc_changes")
    at = models.DateTimeField()
    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    channel = models.CharField(max_length=100)
    updated_on = models.DateTimeField()
    from_tier = models.CharField(max_length=1, choices=Tier, blank=True)
    to_tier = models.CharField(max_length=1, choices=Tier)
    tier_since = models.DateTimeField()

    class Meta:
        indexes = [
            ByTime(
                Instant("at"), "processor", condition=~Q(from_tier=""), name="kyc_change_by_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_tier or '–'} → {self.to_tier}"


class Receipt(models.Model):
    """What an add or an update of a customer answered: a repeat is answered from it, for ever.

    `proven_with`, no column, is what its Ref_Id said (ReplayKey.digests): the audit proves both.
    """

    proven_with = b""

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    operation = models.CharField(max_length=2, choices=Operation)
    ref_id = models.CharField(max_length=32)
    at = models.DateTimeField()
    resp_code = models.CharField(max_length=3)
    unique_id = models.BigIntegerField()
    old_unique_id = models.BigIntegerField(null=True, blank=True)
    tier = models.CharField(max_length=1, choices=Tier)
    kyc_updated_channel = models.CharField(max_length=100)
    kyc_updated_on = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.ref_id}"


class DuplicateReview(models.Model):
    """A claim that someone on record may, or may not, be the person of: for staff to decide. Once a
    pair.

    The pair is the customer on record and a keyed digest of the claim's mobile, birth date and
    document; the claim itself is kept encrypted, and so is the `evidence` that it was decided on.
    `claimant` is set where the claim came for a customer who exists too.
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

    class Meta:
        permissions = [("decide_duplicatereview", "Can decide a duplicate review")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "claim_digest"], name="duplicate_review_once_a_pair"
            ),
            models.CheckConstraint(
                condition=Q(outcome="", decided_at__isnull=True, decided_by__isnull=True)
                | ~Q(outcome="")
                & ~Q(reason="")
                & Q(decided_at__isnull=False, decided_by__isnull=False),
                name="duplicate_review_outcome_has_who_when_why",
            ),
        ]
        indexes = [models.Index(fields=["outcome", "opened_at"], name="duplicate_review_queue")]

    def __str__(self) -> str:
        return f"Review {self.pk}"

    @property
    def is_open(self) -> bool:
        """Undecided; or found to be two records of one person, which wait to be merged."""
        return not self.outcome or (
            self.outcome == self.Outcome.SAME_PERSON and self.claimant_id is not None
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
        """Decrypt the claim: name, mobile, date_of_birth, document_kind and document_number."""
        opened = keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.claim), bound_to=self.bound_to
        )
        claim: dict[str, str | None] = json.loads(opened)
        return claim

"""Through which processors a customer is known, and the accounts and cards there."""

from django.conf import settings
from django.db import models

from customers.choices import InstrumentStatus
from customers.models.customer import Customer
from ppims.core import keys
from ppims.core.formats import mask
from ppims.db.fields import BigId, ByTime, Instant
from ppims.models import Processor


class Registration(models.Model):
    """A customer known to one processor. Without this row the customer does not exist for it.

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
                condition=~models.Q(customer_ref=""),
                name="registration_by_customer_ref",
            ),
            models.Index(
                fields=["cif_id"], condition=~models.Q(cif_id=""), name="registration_by_cif_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} through {self.processor}"


class Account(models.Model):
    """An account of a customer at one processor."""

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
    """A card of a customer at one processor: its last four digits and a keyed digest."""

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

    @staticmethod
    def list_digests(number: str) -> list[bytes]:
        """Digest it by each key that it may be known under, the one in use first."""
        return keys.digest_by_each(settings.PPIMS_DIGEST_KEYS, "card", number)

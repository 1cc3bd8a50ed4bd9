"""What is kept of the API's calls: the Ref_Ids answered, and the calls themselves."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.core import keys
from ppims.db.fields import BigId

LONGEST_REF_ID = 32


class Operation(models.TextChoices):
    """The operations whose answers are kept."""

    ADD_CUSTOMER = "AC", "add-customer"
    UPDATE_CUSTOMER = "UC", "update-customer"
    CHECK_LIMIT = "CL", "check-customer-limit"
    UPDATE_LIMIT = "UL", "update-customer-limit"


class ReplayKey(models.Model):
    """One Ref_Id that was answered with 000 or 200, and where that answer is.

    The row is a Receipt's, LimitCheck's or LedgerEntry's, by operation. `digests` has six bytes for
    each field, in the operation's declared order; zeros for an absent one.
    """

    pk = models.CompositePrimaryKey("processor_id", "operation", "ref_id")
    processor = models.ForeignKey("ppims.Processor", models.PROTECT, db_index=False)
    operation = models.CharField(max_length=2, choices=Operation)
    ref_id = models.CharField(max_length=LONGEST_REF_ID)
    customer_id = models.BigIntegerField()
    row_id = models.BigIntegerField()
    digests = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.ref_id}"


class KeptCall(models.Model):
    """One call of the API. In production only those that were refused though the credentials held:
    which fields were wrong, and no value but its Ref_Id. Elsewhere every call that reached an
    operation, with both bodies, encrypted, for whoever builds against a demo.

    `processor` is None where nobody was recognized. `unique_id` is as it was sent, or else as it
    was answered. `sealed` is "" where no bodies are kept. A log of bounded length, whose last rows
    a crash may lose (ppims/services/call_buffer.py writes and purges it).
    """

    class Code(models.TextChoices):
        DONE = "000", _("Done")
        KNOWN = "200", _("Registered already")
        MALFORMED = "400", _("Field missing or malformed")
        NOT_AUTHENTICATED = "401", _("Wrong credentials")
        FORBIDDEN = "403", _("Not allowed")
        CONFLICT = "409", _("Conflict with the record")
        TOO_MANY = "429", _("Too many failed log-ins or calls")
        UNKNOWN = "500", _("No such customer")
        BUSY = "503", _("Busy")
        FAULT = "999", _("Fault of ours")

    # Those that processors are counted by, and that production keeps.
    COUNTED_CODES = ("400", "403", "409", "500", "999")

    id = BigId(primary_key=True)
    at = models.DateTimeField()
    processor = models.ForeignKey(
        "ppims.Processor", models.PROTECT, null=True, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=30)
    request_id = models.CharField(max_length=64, blank=True)
    ref_id = models.CharField("Ref_Id", max_length=LONGEST_REF_ID, blank=True)
    tran_id = models.CharField("Tran_Id", max_length=LONGEST_REF_ID, blank=True)
    enquiry_ref_id = models.CharField("Enquiry_Ref_Id", max_length=LONGEST_REF_ID, blank=True)
    unique_id = models.BigIntegerField("Unique_Id", null=True)
    code = models.CharField("Resp_Code", max_length=3, choices=Code)
    is_refused = models.BooleanField(default=True)
    fields = models.TextField(blank=True)  # as the wire spells them, with commas between
    http_status = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField(null=True)
    fault = models.CharField(max_length=100, blank=True)  # what a demo made of the answer
    key_id = models.CharField(max_length=8, blank=True)
    sealed = models.BinaryField(default=b"")

    class Meta:
        indexes = [
            models.Index(fields=["processor", "id"], name="kept_call_of_processor"),
            models.Index(
                fields=["processor", "id"],
                condition=models.Q(is_refused=True),
                name="kept_call_refused",
            ),
            *(
                models.Index(fields=[name, "id"], name=f"kept_call_by_{name}")
                for name in ("ref_id", "tran_id", "request_id")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.ref_id}: {self.code}"

    @property
    def named(self) -> list[str]:
        return self.fields.split(",") if self.fields else []

    @property
    def bound_to(self) -> str:
        return f"call {self.processor_id} {self.request_id} {keys.make_plain(self.at)!r}"

    def seal(self, bodies: str) -> None:
        """Encrypt what was sent and answered into this row, unsaved; all else is set already."""
        self.key_id, self.sealed = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS, bodies, bound_to=self.bound_to
        )

    def open_bodies(self) -> str:
        """Decrypt them. Raises as keys.decrypt."""
        return keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.sealed), bound_to=self.bound_to
        )

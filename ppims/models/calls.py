"""What is kept of the API's calls: the Ref_Ids answered, and the calls refused."""

from django.db import models
from django.utils.translation import gettext_lazy as _

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


class RefusedCall(models.Model):
    """One refused call of a processor whose credentials held: which fields were wrong, and no value
    but its Ref_Id. A log of bounded length, whose last rows a crash may lose
    (ppims/services/call_buffer.py writes and purges it).
    """

    class Code(models.TextChoices):
        MALFORMED = "400", _("Field missing or malformed")
        FORBIDDEN = "403", _("Not allowed")
        CONFLICT = "409", _("Conflict with the record")
        UNKNOWN = "500", _("No such customer")
        FAULT = "999", _("Fault of ours")

    id = BigId(primary_key=True)
    at = models.DateTimeField()
    processor = models.ForeignKey(
        "ppims.Processor", models.PROTECT, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=30)
    ref_id = models.CharField("Ref_Id", max_length=32, blank=True)
    code = models.CharField("Resp_Code", max_length=3, choices=Code)
    fields = models.TextField(blank=True)  # as the wire spells them, with commas between

    class Meta:
        indexes = [models.Index(fields=["processor", "id"], name="refused_call_of_processor")]

    def __str__(self) -> str:
        return f"{self.operation} {self.ref_id}: {self.code}"

    @property
    def named(self) -> list[str]:
        return self.fields.split(",") if self.fields else []

"""What is kept of the calls that processors were refused."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.tables import BigId


class RefusedCall(models.Model):
    """One call of a processor whose credentials held, that was refused: what of it was wrong, by
    the names of fields, and no value but its Ref_Id. A log of bounded length, of no more worth than
    that: the last may be lost (ppims/call_buffer.py writes and purges it).
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
        """List the fields that the refusal named."""
        return self.fields.split(",") if self.fields else []

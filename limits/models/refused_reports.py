"""Reports of transactions that were refused as posted already, though with another amount; and what
staff find of them.
"""

from django.db import models

from customers.models import Customer
from ppims.db.fields import BigId, Paise
from ppims.models import Processor


class RefusedReport(models.Model):
    """An S that was refused for its Tran_Id, which `posting` has with another amount: a transaction
    of its own may stand behind it. Once a Ref_Id. Never changed.
    """

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_index=False)
    unique_id_sent = models.BigIntegerField()
    ref_id = models.CharField("Ref_Id", max_length=32)
    at = models.DateTimeField()
    direction = models.CharField(max_length=1)
    amount_paise = Paise()
    balance_paise = Paise(null=True)
    tran_id = models.CharField("Tran_Id", max_length=32)
    enquiry_ref_id = models.CharField("Enquiry_Ref_Id", max_length=32, blank=True)
    posting = models.ForeignKey(
        "limits.LedgerEntry", models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "processor", "ref_id"], name="refused_report_is_kept_once"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_paise__gt=0), name="refused_report_amount_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"Refused report {self.ref_id}"

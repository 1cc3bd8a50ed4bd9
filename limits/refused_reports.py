"""Reports of transactions that were refused as posted already, though with another amount; and what
staff find of them.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from ppims.models import Processor, User
from ppims.tables import BigId, Paise


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
                condition=Q(amount_paise__gt=0), name="refused_report_amount_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"Refused report {self.ref_id}"


class ReportFinding(models.Model):
    """A note on a refused report, or what it was found to be, which closes it: once. Never changed.

    `finding` is empty in a note.
    """

    class Finding(models.TextChoices):
        ANOTHER = "ANOTHER", _("Another transaction, and corrected")
        AMOUNT = "AMOUNT", _("The posted amount was wrong, and corrected")
        REPEAT = "REPEAT", _("Nothing to book: it was posted rightly")
        REPORTED = "REPORTED", _("Suspicious, and reported")

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    report = models.ForeignKey(RefusedReport, models.PROTECT, related_name="+", db_index=False)
    finding = models.CharField(max_length=9, choices=Finding, blank=True)
    note = models.CharField(max_length=500)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "report"],
                condition=~Q(finding=""),
                name="report_finding_closes_once",
            ),
            models.CheckConstraint(condition=~Q(note=""), name="report_finding_has_a_note"),
        ]
        indexes = [models.Index(fields=["customer", "report"], name="report_finding_of_report")]

    def __str__(self) -> str:
        return self.get_finding_display() or str(_("Note"))

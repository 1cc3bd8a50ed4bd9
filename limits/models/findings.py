"""What staff find out about a flagged posting."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from limits.models.refused_reports import RefusedReport
from ppims.db.fields import BigId
from ppims.models import User


class PostingFinding(models.Model):
    """A note on a flagged entry, or what it was found to be, which closes it: once. Never changed.

    `finding` is empty in a note.
    """

    class Finding(models.TextChoices):
        GENUINE = "GENUINE", _("Happened as posted")
        PUT_RIGHT = "PUT_RIGHT", _("A mistake, and put right")
        REPORTED = "REPORTED", _("Suspicious, and reported")

    id = BigId(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(
        "limits.LedgerEntry", models.PROTECT, related_name="+", db_index=False
    )
    finding = models.CharField(max_length=9, choices=Finding, blank=True)
    note = models.CharField(max_length=500)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "entry"],
                condition=~models.Q(finding=""),
                name="posting_finding_closes_once",
            ),
            models.CheckConstraint(condition=~models.Q(note=""), name="posting_finding_has_a_note"),
        ]
        indexes = [models.Index(fields=["customer", "entry"], name="posting_finding_of_entry")]

    def __str__(self) -> str:
        return self.get_finding_display() or str(_("Note"))


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
                condition=~models.Q(finding=""),
                name="report_finding_closes_once",
            ),
            models.CheckConstraint(condition=~models.Q(note=""), name="report_finding_has_a_note"),
        ]
        indexes = [models.Index(fields=["customer", "report"], name="report_finding_of_report")]

    def __str__(self) -> str:
        return self.get_finding_display() or str(_("Note"))

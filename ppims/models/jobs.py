"""Work that takes longer than a page may: who asked for it, how far it is, what came of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.db.fields import BigId

LONGEST_ERROR = 200  # characters


class Job(models.Model):
    """One piece of background work (ppims/services/jobs.py), asked for by somebody and taken up by
    a runner. The last ones of each kind are kept.

    `claim` names the runner that has it, `beat_at` is when that one last said that it lives: so a
    job whose runner is gone is taken up again. `done` of `total` is in the work's own units.
    `arguments` and `result` are JSON. `owner` is empty where a command did the work itself, and of
    what is done daily, once a day, without anybody's asking.
    """

    class Kind(models.TextChoices):
        SEAL = "SEAL", _("Seal")
        VERIFY = "VERIFY", _("Verification")
        WHAT_IF = "WHAT_IF", _("Effect of a change of limits")
        WATCH = "WATCH", _("Daily watch")
        IMPORT_READ = "IMPORT_READ", _("Reading a file of customers")
        IMPORT = "IMPORT", _("Import of customers")
        RECONCILE = "RECONCILE", _("Reconciliation")

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    id = BigId(primary_key=True)
    kind = models.CharField(max_length=12, choices=Kind)
    owner = models.ForeignKey(
        "ppims.User", models.PROTECT, null=True, db_index=False, related_name="+"
    )
    arguments = models.TextField(default="{}")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)  # 0: not known yet
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    result = models.TextField(blank=True)
    error = models.CharField(max_length=LONGEST_ERROR, blank=True)

    OPEN_STATES = (State.WAITING, State.RUNNING)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["WAITING", "RUNNING"], ended_at__isnull=True)
                | models.Q(state__in=["DONE", "FAILED"], ended_at__isnull=False),
                name="job_has_an_end_once_it_has_ended",
            ),
            models.CheckConstraint(
                condition=models.Q(state="RUNNING", beat_at__isnull=False) & ~models.Q(claim="")
                | ~models.Q(state="RUNNING") & models.Q(claim=""),
                name="job_is_somebodys_while_it_runs",
            ),
            models.UniqueConstraint(
                fields=["kind", "arguments"],
                condition=models.Q(kind="WATCH", owner__isnull=True),
                name="job_of_a_day_is_asked_for_once",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "id"], name="job_of_kind"),
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["WAITING", "RUNNING"]),
                name="job_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in self.OPEN_STATES

    @property
    def permille(self) -> int:
        """How far it is, of a thousand."""
        return min(1000, self.done * 1000 // self.total) if self.total else 0

"""The kernel's tables: users and processors, what two admins change of them, Ref_Ids, keys in use,
the audit, refused calls, background jobs.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.contrib.auth.password_validation import validate_password
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ppims.core import free_text
from ppims.db.fields import BigId, ByTime, GivenId, Instant
from ppims.models.four_eyes import LONGEST_NOTE, FourEyes, MayCountAlone
from ppims.models.jobs import Job
from ppims.models.processor_changes import ProcessorChange
from ppims.models.staff_changes import StaffChange

__all__ = [
    "LONGEST_NOTE",
    "LONGEST_REF_ID",
    "ONE_TIME_LASTS",
    "AuditEntry",
    "AuditHead",
    "FourEyes",
    "Job",
    "KeyInUse",
    "MayCountAlone",
    "Operation",
    "Processor",
    "ProcessorChange",
    "RefusedCall",
    "ReplayKey",
    "StaffChange",
    "User",
]

LONGEST_REF_ID = 32
LAST_PASSWORDS = 4  # none of which is taken again
ONE_TIME_LASTS = timedelta(hours=24)


class StaffManager(UserManager):  # type: ignore[type-arg]  # not subscriptable at run time
    """Makes users. `createsuperuser` makes one with the role admin, never one above all rules."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> "User":
        """Make an admin. Raises ValidationError where the password will not do, whoever asks."""
        if password is not None:
            validate_password(password, User(username=username, email=email or ""))
        may = {**extra, "is_staff": True, "is_superuser": False}
        user: User = self.create_user(username, email, password, **may)
        user.groups.add(Group.objects.get(name="admin"))
        return user


class User(AbstractUser):
    """A person of the staff, with the rights of their roles (ppims/core/roles.py), each a group."""

    # When an admin gave a one-time password. Empty: the owner chose the password.
    one_time_password_at = models.DateTimeField(null=True, editable=False)
    # Hashes of the passwords that the owner chose before this one, the latest first.
    former_passwords = models.TextField(blank=True, editable=False)
    wrong_passwords = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Old ones, told wrong by who was changing it."
    )

    objects: ClassVar[StaffManager] = StaffManager()

    PASSWORD = ("password", "one_time_password_at", "former_passwords", "wrong_passwords")

    def clean(self) -> None:
        super().clean()
        free_text.validate_row(self)

    @property
    def has_one_time_password(self) -> bool:
        """Whether an admin gave the password: nothing opens until it is changed."""
        return self.one_time_password_at is not None

    def has_one_time_password_of_before(self, at: datetime) -> bool:
        """Whether an admin gave the password longer than ONE_TIME_LASTS ago."""
        given = self.one_time_password_at
        return given is not None and at >= given + ONE_TIME_LASTS

    def has_had(self, password: str) -> bool:
        """Whether it is one of the last four passwords, the present one included. A one-time
        password is not one of the four.
        """
        known = [self.password, *self.former_passwords.split()]
        last = known[: LAST_PASSWORDS + self.has_one_time_password]
        return any(check_password(password, each) for each in last if each)

    def take_password(self, password: str) -> None:
        """Take a password that its owner chose, unsaved; PASSWORD names what to save."""
        self._keep_former()
        self.set_password(password)
        self.one_time_password_at, self.wrong_passwords = None, 0

    def take_one_time_password(self, at: datetime) -> str:
        """Take a random password, unsaved, and return it: it is shown once, and changed at the next
        log-in. PASSWORD names what to save.
        """
        password = secrets.token_urlsafe(15)
        self._keep_former()
        self.set_password(password)
        self.one_time_password_at, self.wrong_passwords = at, 0
        return password

    def _keep_former(self) -> None:
        if self.password and self.has_usable_password() and not self.has_one_time_password:
            former = [self.password, *self.former_passwords.split()]
            self.former_passwords = " ".join(former[:LAST_PASSWORDS])


class Processor(models.Model):
    """A payment processor, which calls the API as one System_Id."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        WINDING_DOWN = "WINDING_DOWN", _("Winding down")
        DISABLED = "DISABLED", _("Disabled")

    system_id = models.CharField(
        "System id",
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9_-]+\Z", _("Only A–Z, a–z, 0–9, - and _."))],
    )
    name = models.CharField(max_length=100)
    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[!-~]+\Z", _("Letters, digits and signs, without spaces."))],
    )
    password = models.CharField(max_length=128, editable=False)
    # Proves to other workers that one has verified the password (services/credentials.py). A copy
    # of the database elsewhere has another session key: there it proves nothing.
    proof = models.BinaryField(null=True)
    # The password before this one, which is right too until an instant: a processor takes a new one
    # without an outage.
    former_password = models.CharField(max_length=128, blank=True, editable=False)
    former_proof = models.BinaryField(null=True)
    former_until = models.DateTimeField(null=True, editable=False)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    hold_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How long its holds last, 1 to 1440; empty: the installation's own.",
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hold_minutes__isnull=True)
                | models.Q(hold_minutes__range=(1, 1440)),
                name="processor_holds_last_1_to_1440_minutes",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["ACTIVE", "WINDING_DOWN", "DISABLED"]),
                name="processor_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(former_password="", former_until__isnull=True)
                | ~models.Q(former_password="") & models.Q(former_until__isnull=False),
                name="processor_former_password_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.system_id

    def clean(self) -> None:
        free_text.validate_row(self)

    def has_former_password(self, at: datetime) -> bool:
        """Whether the password before this one is right too at an instant: up to its end, not at
        it.
        """
        return self.former_until is not None and at < self.former_until


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
    processor = models.ForeignKey(Processor, models.PROTECT, db_index=False)
    operation = models.CharField(max_length=2, choices=Operation)
    ref_id = models.CharField(max_length=LONGEST_REF_ID)
    customer_id = models.BigIntegerField()
    row_id = models.BigIntegerField()
    digests = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.ref_id}"


class KeyInUse(models.Model):
    """The name of a key that this database was written with: without the key, that is lost."""

    pk = models.CompositePrimaryKey("purpose", "key_id")
    purpose = models.CharField(max_length=8)
    key_id = models.CharField(max_length=8)
    first_used_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "keys in use"

    def __str__(self) -> str:
        return f"{self.purpose} key {self.key_id}"


class AuditEntry(models.Model):
    """One thing that a person has done, or a processor to a customer's record. Each customer's
    entries are a chain.

    `subject` is the customer's Unique_Id; 0 for what is about none.
    """

    id = BigId(primary_key=True)
    subject = models.BigIntegerField(default=0)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    user = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    action = models.CharField(max_length=40)
    detail = models.TextField()
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["subject", "number"], name="audit_entry_has_its_place")
        ]
        indexes = [
            ByTime(Instant("at"), "processor", "action", name="audit_entry_by_time"),
            # All but what processors did alone, so it costs their calls nothing.
            ByTime(
                Instant("at"),
                "user",
                "processor",
                "action",
                condition=models.Q(processor__isnull=True) | models.Q(user__isnull=False),
                name="audit_entry_by_staff",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.number}"


class AuditHead(models.Model):
    """The newest link of one audit chain. Whoever adds to the chain locks this row."""

    subject = GivenId(primary_key=True)
    entry_count = models.PositiveIntegerField(default=0)
    last_mac = models.BinaryField(default=b"")
    last_at = models.DateTimeField(null=True)
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.entry_count}"


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

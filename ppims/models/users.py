"""The people of the staff, and what is kept of their passwords."""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.contrib.auth.password_validation import validate_password
from django.db import models

from ppims.core import free_text
from ppims.models.sessions import LONGEST_SOURCE

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

    # From where the last log-in came; Django keeps when, as last_login.
    last_login_source = models.CharField(max_length=LONGEST_SOURCE, blank=True, editable=False)

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

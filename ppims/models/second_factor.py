"""The second factor of the staff: a code of an app, or one of ten recovery codes."""

from django.conf import settings
from django.db import models

from ppims.core import keys
from ppims.db.fields import BigId


class SecondFactor(models.Model):
    """The authenticator app of one person: the secret that it makes its codes from, encrypted and
    bound to the person. It counts from `confirmed_at` on; before that it is drawn for one session,
    and for another one it is drawn anew.

    `last_step` is that of the last code that was taken: no code of it or before counts again.
    Seconds are Unix time, as the app's codes are.
    """

    user = models.OneToOneField(
        "ppims.User", models.PROTECT, primary_key=True, related_name="second_factor"
    )
    key_id = models.CharField(max_length=8)
    sealed = models.BinaryField()
    drawn_for = models.BinaryField(default=b"")
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    locked_until_seconds = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"

    @property
    def bound_to(self) -> str:
        return f"second factor {self.user_id}"

    def seal(self, secret: str) -> None:
        """Encrypt the secret into this row, unsaved; the user is set already."""
        self.key_id, self.sealed = keys.encrypt(
            settings.PPIMS_DOCUMENT_KEYS, secret, bound_to=self.bound_to
        )

    def open_secret(self) -> str:
        """Decrypt the secret, in base32. Raises as keys.decrypt."""
        return keys.decrypt(
            settings.PPIMS_DOCUMENT_KEYS, self.key_id, bytes(self.sealed), bound_to=self.bound_to
        )


class RecoveryCode(models.Model):
    """One of a person's ten recovery codes, as a digest by the key that is named: each is good for
    one use, in the place of a code of the app.
    """

    id = BigId(primary_key=True)
    user = models.ForeignKey(
        "ppims.User", models.PROTECT, related_name="recovery_codes", db_index=False
    )
    key_id = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=16)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user"], name="recovery_code_by_user")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"

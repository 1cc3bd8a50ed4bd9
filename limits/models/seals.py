"""What a seal keeps."""

from django.db import models

from ppims.db.fields import GivenId


class Seal(models.Model):
    """A signature over all heads and counts at one instant, kept here and elsewhere: it shows that
    the newest rows were cut off, or a chain written anew. Never changed.

    `last_..._id` are the newest rows that it covers, `..._count` how many there were. Its digests
    are over the heads that have moved since the seal before, its `mac` over that one's too: so each
    covers all.
    """

    number = GivenId(primary_key=True)
    at = models.DateTimeField()
    last_entry_id = models.BigIntegerField()
    last_check_id = models.BigIntegerField()
    last_audit_id = models.BigIntegerField()
    entry_count = models.BigIntegerField()
    check_count = models.BigIntegerField()
    audit_count = models.BigIntegerField()
    ledger_digest = models.BinaryField()
    audit_digest = models.BinaryField()
    key_id = models.CharField(max_length=8)
    mac = models.BinaryField()

    class Meta:
        permissions = [("make_seal", "Can make a seal")]

    def __str__(self) -> str:
        return f"Seal {self.number}"

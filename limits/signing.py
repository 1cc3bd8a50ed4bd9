"""What is signed of each row of the ledger, and how: HMACs by the ledger key."""

from collections.abc import Sequence

from django.db.models import Model

from limits.models import LedgerEntry, LedgerHead, LimitCheck, Seal
from ppims.core.keys import Key, Plain, make_plain, sign

UNSIGNED_FIELDS = {"id", "key_id", "mac", "digest"}
WITH_WHAT_WAS_SAID = 3  # the version of what checks and entries are signed with


def list_signed_fields(model: type[Model]) -> list[str]:
    """Name a row's signed fields, in the order in which they are signed."""
    return [f.attname for f in model._meta.concrete_fields if f.attname not in UNSIGNED_FIELDS]


def _list_not_plain(model: type[Model]) -> list[int]:
    kinds = {f.attname: f.get_internal_type() for f in model._meta.concrete_fields}
    plain = {"BigIntegerField", "PositiveIntegerField", "ForeignKey", "CharField"}
    return [p for p, name in enumerate(list_signed_fields(model)) if kinds[name] not in plain]


FIELDS = {model: list_signed_fields(model) for model in (LimitCheck, LedgerEntry, LedgerHead, Seal)}
NOT_PLAIN = {model: _list_not_plain(model) for model in FIELDS}


def list_values(row: LimitCheck | LedgerEntry | LedgerHead | Seal) -> list[Plain]:
    """Give a row's signed values."""
    kept = row.__dict__
    values = [kept[name] for name in FIELDS[type(row)]]
    for place in NOT_PLAIN[type(row)]:
        values[place] = make_plain(values[place])
    return values


def sign_check(key: Key, values: Sequence[Plain], said: bytes | None) -> bytes:
    """Sign a check, with what its Ref_Id said (ReplayKey.digests); None: as before version 3."""
    if said is None:
        return sign(key, ("check", *values))
    return sign(key, ("check", *values, said), WITH_WHAT_WAS_SAID)


def digest_entry(
    key: Key, values: Sequence[Plain], previous: bytes, said: bytes | None = b""
) -> bytes:
    """Chain an entry to the customer's previous one, whose digest that is; with what its Ref_Id
    said, which is nothing where staff adjust. None: as before version 3.
    """
    if said is None:
        return sign(key, ("entry", previous, *values))
    return sign(key, ("entry", previous, *values, said), WITH_WHAT_WAS_SAID)


def sign_head(key: Key, values: Sequence[Plain]) -> bytes:
    return sign(key, ("head", *values))


def sign_seal(key: Key, values: Sequence[Plain], previous: bytes) -> bytes:
    """Chain a seal to the one before it, whose mac that is."""
    return sign(key, ("seal", previous, *values))

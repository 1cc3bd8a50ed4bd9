"""What the audit keeps of each row that it tells of: a keyed digest of the row as it was then. So a
row that is changed, added or dropped behind the services' back shows (docs/ledger.md, "Rows that
the audit proves"). Nothing can be learnt from a digest without the ledger key.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

from django.db.models import BinaryField, Field, Model

from ppims.core.keys import Key, Plain, make_plain, sign

PROOFS_KEY = "proofs"  # in an audit entry's detail: rows by name, each with its proof
PROOF_BYTES = 9
TEXT_FIELDS = ("CharField", "TextField")
# Each is bound to its row by its own key: that it was changed shows when it is opened.
ENCRYPTED_COLUMNS = {"sealed", "claim"}


@dataclass(frozen=True)
class Shape:
    """A table's columns, in the order of the model; the place, the name and the empty value of each
    that is proven; and the places of the key and of the status, which is kept in clear.
    """

    name: str
    key: int
    columns: tuple[str, ...]
    proven: tuple[tuple[int, str, Plain], ...]
    status: int | None


@cache
def read_shape(model: type[Model]) -> Shape:
    fields = model._meta.concrete_fields
    columns = tuple(field.attname for field in fields)
    proven = [
        (place, field.attname, _find_empty_value(field))
        for place, field in enumerate(fields)
        if field.name not in ENCRYPTED_COLUMNS
    ]
    # By their names: a migration's models have their columns in another order.
    proven.sort(key=itemgetter(1))
    key = columns.index(model._meta.pk.attname)
    status = columns.index("status") if "status" in columns else None
    return Shape(str(model._meta.model_name), key, columns, tuple(proven), status)


def prove_rows(key: Key, rows: Iterable[Model]) -> dict[str, str]:
    """Prove rows as they are: each one's proof, by its name. A row may have `proven_with`, bytes
    that another table keeps of it.
    """
    proofs = {}
    for row in rows:
        its = read_shape(type(row))
        values = [make_plain(row.__dict__[column]) for column in its.columns]
        name, text = prove_values(key, its, values, getattr(row, "proven_with", b""))
        proofs[name] = text
    return proofs


def prove_values(
    key: Key, its: Shape, values: Sequence[Plain], also: bytes = b""
) -> tuple[str, str]:
    """Prove a row, given as the plain values of its columns: (its name, its proof)."""
    return f"{its.name} {values[its.key]!s}", write_proof(key, its, values, also)


def write_proof(key: Key, its: Shape, values: Sequence[Plain], also: bytes = b"") -> str:
    """Write the proof of a row, given as the plain values of its columns."""
    # By name, and without the empty ones: a column that is added later, empty, changes no proof.
    said = [
        part
        for place, column, empty in its.proven
        if values[place] != empty
        for part in (column, values[place])
    ]
    mac = sign(key, ("row", its.name, *said, also))
    text = b64encode(mac[:PROOF_BYTES]).decode()
    return text if its.status is None else f"{values[its.status]!s} {text}"


def _find_empty_value(field: "Field[object, object]") -> Plain:
    """Return what a column holds where nothing was said; None where it always says something."""
    if field.null:
        return None
    if isinstance(field, BinaryField):
        return b""
    return "" if field.get_internal_type() in TEXT_FIELDS else None

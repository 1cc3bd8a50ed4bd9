"""What the audit keeps of each row that it tells of: a keyed digest of the row as it was then, so
that a row changed, added or dropped behind the services' back shows (docs/ledger.md, "Rows that
the audit proves"). Nothing can be learnt from a digest without the ledger key.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from django.db.models import BinaryField, Field, Model

from ppims.core import keys
from ppims.core.keys import Key, Plain

PROOFS_KEY = "proofs"  # in an audit entry's detail: rows by name, each with its proof
PROOF_BYTES = 9
TEXT_FIELDS = ("CharField", "TextField")
ENCRYPTED_COLUMNS = {
    "sealed",
    "claim",
}  # bound to its row by its own key: it shows when it is opened


@dataclass(frozen=True)
class Shape:
    """A table's columns, in the order of the model; of each that is proven its place, its name and
    what it holds where it is empty; the place of the key, and of the status, which is kept in
    clear.
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
    kept = [(n, f) for n, f in enumerate(fields) if f.name not in ENCRYPTED_COLUMNS]
    # In the order of their names: a migration's models have their columns in another one.
    proven = (
        (n, f.attname, _find_empty_value(f)) for n, f in sorted(kept, key=lambda it: it[1].attname)
    )
    key = columns.index(model._meta.pk.attname)
    status = columns.index("status") if "status" in columns else None
    return Shape(str(model._meta.model_name), key, columns, tuple(proven), status)


def prove_rows(key: Key, rows: Iterable[Model]) -> dict[str, str]:
    """Prove rows as they are: by name. A row may have `proven_with`, bytes that another table keeps
    of it.
    """
    proofs = {}
    for row in rows:
        kept, its = row.__dict__, read_shape(type(row))
        values = [keys.make_plain(kept[column]) for column in its.columns]
        also: bytes = getattr(row, "proven_with", b"")
        name, text = prove_values(key, its, values, also)
        proofs[name] = text
    return proofs


def prove_values(
    key: Key, its: Shape, values: Sequence[Plain], also: bytes = b""
) -> tuple[str, str]:
    """Prove a row, given as the plain values of its columns: its name, and its proof."""
    return f"{its.name} {values[its.key]!s}", write_proof(key, its, values, also)


def write_proof(key: Key, its: Shape, values: Sequence[Plain], also: bytes = b"") -> str:
    """Prove a row, given as the plain values of its columns.

    Columns are signed by name, and empty ones are left out: a column that is added later, empty,
    changes no proof of before.
    """
    said = [
        part
        for place, column, empty in its.proven
        if values[place] != empty
        for part in (column, values[place])
    ]
    mac = keys.sign(key, ("row", its.name, *said, also))
    text = b64encode(mac[:PROOF_BYTES]).decode()
    return text if its.status is None else f"{values[its.status]!s} {text}"


def _find_empty_value(field: "Field[object, object]") -> Plain:
    """What a column holds where nothing was said; None, too, where it always says something."""
    if field.null:
        return None
    if isinstance(field, BinaryField):
        return b""
    return "" if field.get_internal_type() in TEXT_FIELDS else None

"""Which columns of a row are signed, and their values as they are signed (ppims/core/chain.py).

Signed is all but the row's own id and what the signature itself consists of; the order is the
model's. So a column that is added to a signed table needs a version of its own.
"""

from functools import cache

from django.db.models import Model

from ppims.core.keys import Plain, make_plain

UNSIGNED_COLUMNS = {"id", "key_id", "mac", "digest"}
# These hold what is signed as it is: no need to look at each value.
PLAIN_FIELDS = {
    "BigIntegerField",
    "PositiveIntegerField",
    "ForeignKey",
    "CharField",
    "TextField",
}


@cache
def list_fields(model: type[Model]) -> list[str]:
    """Name a model's signed columns, in the order in which they are signed."""
    return [f.attname for f in model._meta.concrete_fields if f.attname not in UNSIGNED_COLUMNS]


@cache
def _list_not_plain(model: type[Model]) -> list[int]:
    kinds = {f.attname: f.get_internal_type() for f in model._meta.concrete_fields}
    return [p for p, name in enumerate(list_fields(model)) if kinds[name] not in PLAIN_FIELDS]


def list_values(row: Model) -> list[Plain]:
    """List the values of a row's signed columns."""
    model, kept = type(row), row.__dict__
    values = [kept[name] for name in list_fields(model)]
    for place in _list_not_plain(model):
        values[place] = make_plain(values[place])
    return values

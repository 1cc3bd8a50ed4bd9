"""Rows of customers, locked and changed by their key and their customer's number: where tables are
spread over machines by customer, a row is so found on one of them, and only there can it be locked.
"""

from collections.abc import Iterable
from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)
OWNER_COLUMN = "customer_id"


def lock_row(model: type[M], pk: int) -> M:
    """Lock a row that is known by its key alone, until the transaction ends. Raises DoesNotExist
    of the model.
    """
    rows = model._base_manager.filter(pk=pk)
    if _has_owner(model):
        rows = rows.filter(customer_id=rows.values_list(OWNER_COLUMN, flat=True).get())
    return rows.select_for_update().get()


def save_columns(row: models.Model, names: Iterable[str]) -> None:
    """Save columns of a row that is there."""
    model = type(row)
    rows = model._base_manager.filter(pk=row.pk)
    if _has_owner(model):
        rows = rows.filter(customer_id=getattr(row, OWNER_COLUMN))
    count = rows.update(**{name: getattr(row, name) for name in names})
    assert count == 1, f"{model.__name__} {row.pk} is not there"


def _has_owner(model: type[models.Model]) -> bool:
    return any(field.attname == OWNER_COLUMN for field in model._meta.concrete_fields)

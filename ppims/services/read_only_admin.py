"""What the admin's pages to look at share: a class, columns, a search."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet

from ppims.core.formats import write_ist_second

UNIQUE_ID_DIGITS = 15


def refuse_everyone(*_: object, **__: object) -> bool:
    """Stand in for a has_*_permission: nobody may, whatever the role."""
    return False


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at, the newest first: none is added, edited or deleted here."""

    has_add_permission = has_change_permission = has_delete_permission = refuse_everyone
    ordering = ["-pk"]
    show_full_result_count = False


def make_column(write: Callable[[Any], str], name: str, label: str) -> Callable[[Model], str]:
    """Make a column, or a field of a page, that shows what a row has by this name as it is written
    for people.
    """

    @admin.display(description=label)
    def shown(row: Model) -> str:
        return write(getattr(row, name))

    return shown


make_instant_column = partial(make_column, write_ist_second)


@admin.display(description="Unique_Id")
def unique_id(row: Any) -> str:
    return str(row.customer_id)


def search_by_unique_id(rows: QuerySet[Any], text: str, column: str = "pk") -> QuerySet[Any]:
    """Search by a whole Unique_Id, and by nothing else."""
    text = text.strip()
    if not text:
        return rows
    is_one = text.isascii() and text.isdecimal() and len(text) == UNIQUE_ID_DIGITS
    return rows.filter(**{column: int(text)}) if is_one else rows.none()

"""What the admin's pages share: a class of pages to look at, and columns."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import Model

from ppims.core.formats import write_ist_second


def refuse_everyone(*_: object, **__: object) -> bool:
    """Stand in for a has_*_permission: nobody may, whatever the role."""
    return False


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at, the newest first: none is added, edited or deleted here."""

    has_add_permission = has_change_permission = has_delete_permission = refuse_everyone
    ordering = ["-pk"]
    show_full_result_count = False


def make_instant_column(name: str, label: str) -> Callable[[Model], str]:
    """Make a column, or a field of a page, that shows an instant as it is written for people."""

    @admin.display(description=label)
    def shown(row: Model) -> str:
        return write_ist_second(getattr(row, name))

    return shown


def make_choice_column(name: str, label: str) -> Callable[[Model], str]:
    """Make a column that shows a code in words, below a heading of one's own."""

    @admin.display(description=label, ordering=name)
    def shown(row: Model) -> str:
        return str(getattr(row, f"get_{name}_display")())

    return shown

"""How pages speak of the work on files of customers. A part of ppims/backoffice/jobs.py."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, ngettext

from ppims.core.formats import write_count


def say_reading(result: Mapping[str, Any]) -> tuple[str, bool]:
    """Say what reading a file has found, and whether that is bad: "1,200 rows: 1,190 new"."""
    if result["fault"]:
        return str(result["fault"]), True
    rows = ngettext("%(rows)s row is read.", "%(rows)s rows are read.", result["rows"])
    return rows % {"rows": write_count(result["rows"])}, False


def say_adding(result: Mapping[str, Any]) -> str:
    """Say what an import has done: "1,190 customers added, of 1,200 rows"."""
    counts = {"added": write_count(result["added"]), "rows": write_count(result["rows"])}
    return gettext("%(added)s customers added, of %(rows)s rows.") % counts

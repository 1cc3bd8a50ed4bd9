"""The fields of the log's lines are those of docs/operations.md, "The log and the audit"."""

import ast
import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
OF_EVERY_LINE = {"time", "level", "logger", "message", "exc_info"}  # ppims/server/logs.py
OF_DJANGO = {"request", "status_code"}
OF_HELPERS = {"_describe_source", "_describe_caller"}  # what they return is in the line


def list_dict_keys(node):
    return {
        key.value
        for each in ast.walk(node)
        if isinstance(each, ast.Dict)
        for key in each.keys
        if isinstance(key, ast.Constant)
    }


def is_extra(node):
    """Return whether it is what a line says besides: `extra=` of a call, or a name for it."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "extra"
    return isinstance(node, ast.keyword) and node.arg == "extra"


def list_logged_fields(path):
    """List the names of what a file's lines of the log say beyond what every line does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Event":
            found |= {each.arg for each in node.keywords if each.arg} | list_dict_keys(node)
        elif is_extra(node) or getattr(node, "name", "") in OF_HELPERS:
            found |= list_dict_keys(node)
    return found


def list_documented():
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = text.split("| field | in the line of |")[1].split("\n\n")[0]
    return {
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+)`", row[: row.find("|", 2)])
    }


def test_the_table_names_each_field_that_is_logged_and_no_other():
    files = [
        path for name in ("ppims", "customers", "limits") for path in (ROOT / name).rglob("*.py")
    ]
    logged = set().union(*map(list_logged_fields, files))
    assert {"source", "username_digest", "resp_code", "why", "fault"} <= logged
    assert list_documented() == logged | OF_EVERY_LINE | OF_DJANGO

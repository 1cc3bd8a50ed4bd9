"""Which version of the program this is."""

import tomllib
from functools import cache

from django.conf import settings


@cache
def read_version() -> str:
    """Read the version, as pyproject.toml has it."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text("utf-8"))
    return str(project["project"]["version"])

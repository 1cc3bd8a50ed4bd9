#!/usr/bin/env python
"""Django's command line for PPIMS."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError

from ppims.core.errors import Unavailable
from ppims.core.terminal import write_on_any_terminal
from ppims.db import outages
from ppims.maintenance.doctor import early


def run(arguments: list[str]) -> None:
    """Run a command. Where the database is busy or away, say so in a line: no trace helps there."""
    try:
        execute_from_command_line(arguments)
    except (Unavailable, DatabaseError, InterfaceError) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else error
        if "--traceback" in arguments or (cause and not outages.is_outage(cause)):
            raise
        why = f": {outages.explain_to_operator(cause)}" if cause else ""
        sys.exit(f"The database is busy or away{why}")


if __name__ == "__main__":
    write_on_any_terminal()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ppims.settings")
    if sys.argv[1:2] == ["doctor"]:
        early.end_where_settings_are_refused(sys.argv[2:])
    else:
        # That limit is for what answers requests: a migration or a verification takes its time.
        os.environ["PPIMS_STATEMENT_SECONDS"] = "0"
    run(sys.argv)

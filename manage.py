#!/usr/bin/env python
"""Django's command line for PPIMS."""

import os
import sys

from django.core.management import execute_from_command_line

from ppims.core.terminal import write_on_any_terminal
from ppims.maintenance.doctor import early

if __name__ == "__main__":
    write_on_any_terminal()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ppims.settings")
    if sys.argv[1:2] == ["doctor"]:
        early.end_where_settings_are_refused(sys.argv[2:])
    else:
        # That limit is for what answers requests: a migration or a verification takes its time.
        os.environ["PPIMS_STATEMENT_SECONDS"] = "0"
    execute_from_command_line(sys.argv)

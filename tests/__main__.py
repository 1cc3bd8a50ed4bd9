"""Run the tests: `python3 -m ppims test`. All of them on SQLite; the pages in a browser; then those
that touch a database on a PostgreSQL of their own; then those that race once more, there at
SERIALIZABLE; then, where PPIMS_TEST_CITUS_URL leads to machines of Citus, those of the API and of
many machines on these.

With arguments: pytest once, with those, on SQLite, or where a first word of --postgres,
--serializable or --citus says; in a browser where the first is in tests/browser.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

from tests.postgresql import cluster

SERIALIZABLE = "options=-c%20default_transaction_isolation%3Dserializable"
RACES = ["tests/concurrency"]
MANY_MACHINES = ["tests/distributed", "tests/api"]
BROWSER = "tests/browser"
NO_BROWSER = "ppims: no chromium here, its tests were NOT run (apt-get install chromium)"
NO_CITUS = "ppims: no machines of Citus here, its tests were NOT run (PPIMS_TEST_CITUS_URL)"
NONE_HERE = "ppims: no PostgreSQL here, its tests were NOT run (apt-get install postgresql)"


def run_tests(arguments: list[str]) -> int:
    # Ctrl-C reaches pytest too: it tells how far it came, and then it is our turn to end.
    signal.signal(signal.SIGINT, lambda *_: None)
    where, *rest = arguments or [""]
    if where in {"--postgres", "--serializable"}:
        return run_on_postgres((rest, where))
    if where == "--citus":
        return run_on_citus(rest or MANY_MACHINES)
    if where.startswith(BROWSER):
        return run_in_browser(arguments)
    if arguments:
        return run_pytest("SQLite", arguments)
    required = os.environ.get("PPIMS_TEST_REQUIRE", "")
    code = run_pytest("SQLite", []) or run_in_browser([BROWSER], is_required="browser" in required)
    code = code or run_on_postgres(
        ([], "--postgres"), (RACES, "--serializable"), is_required="postgres" in required
    )
    return code or run_on_citus(MANY_MACHINES, is_required="citus" in required)


def run_in_browser(arguments: list[str], *, is_required: bool = True) -> int:
    """Run them in processes of their own: where a browser runs, Django refuses its ORM. Each has
    its own database, server and browser.
    """
    if shutil.which("chromium") is None:
        print(NO_BROWSER)
        return 1 if is_required else 0
    own = {"PPIMS_TEST_BROWSER": "1", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    return run_pytest("SQLite, in chromium", arguments, **own)


def run_on_postgres(*phases: tuple[list[str], str], is_required: bool = True) -> int:
    if cluster.find_programs() is None:
        print(NONE_HERE)
        return 1 if is_required else 0
    names = {"--postgres": "PostgreSQL", "--serializable": "PostgreSQL at SERIALIZABLE"}
    with cluster.run_cluster() as server:
        for arguments, where in phases:
            url = server.write_url("ppims", query=SERIALIZABLE if where == "--serializable" else "")
            code = run_pytest(names[where], arguments, DATABASE_URL=url)
            if code:
                return code
    return 0


def run_on_citus(arguments: list[str], *, is_required: bool = True) -> int:
    """Run them where tables are spread: one process, for its tests kill machines."""
    url = os.environ.get("PPIMS_TEST_CITUS_URL", "")
    if not url:
        print(NO_CITUS)
        return 1 if is_required else 0
    database = urlsplit(url)._replace(path=f"/ppims_{os.getpid()}").geturl()
    own = {"DATABASE_URL": database, "PPIMS_TEST_ON_CITUS": "1"}
    return run_pytest("many machines", ["-n", "0", *arguments], **own)


def run_pytest(name: str, arguments: list[str], **variables: str) -> int:
    print(f"ppims: testing on {name}", flush=True)
    began = time.monotonic()
    own = ("DATABASE_URL", "DATABASE_URL_FILE")  # whoever serves from it is left in peace
    inherited = {key: value for key, value in os.environ.items() if key not in own}
    command = [sys.executable, "-m", "pytest", *arguments]
    process = subprocess.Popen(command, env={**inherited, **variables})
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print(f"ppims: {name}: exit code {code}, {time.monotonic() - began:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:]))

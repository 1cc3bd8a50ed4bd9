"""An installation of the bench's own: a data folder, a database, made-up customers."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# These say which installation is meant, and the bench has its own. With what else PPIMS_… says,
# the bench serves.
OWN_VARIABLES = ("PPIMS_DATA_DIR", "PPIMS_BIND", "PPIMS_ENV", "PPIMS_WORKERS", "PPIMS_API_PREFIXES")
OWN_ENDINGS = ("_KEYS", "_FILE")
INSIDE_PROGRAM = "import django; django.setup(); from tests.bench.inside import main; main()"
SAMPLE_CUSTOMERS = 200_000


def is_own(name: str) -> bool:
    """Say whether a variable tells which installation is meant, and not how it serves."""
    is_ours = name.startswith(("PPIMS_", "DATABASE_URL"))
    return name in {*OWN_VARIABLES, "DATABASE_URL"} or (is_ours and name.endswith(OWN_ENDINGS))


@dataclass(frozen=True)
class Checkout:
    """A clone of the repository, and the Python that runs it."""

    root: Path
    python: str

    @property
    def name(self) -> str:
        return self.root.name


OWN_CHECKOUT = Checkout(ROOT, sys.executable)


@dataclass(frozen=True)
class Size:
    """The bytes of a database, as a file or on a server; and of the -wal, before a checkpoint."""

    database_bytes: int
    wal_bytes: int


@dataclass(frozen=True)
class Installation:
    """Made-up customers in a folder and a database: SQLite's file there, or the one at a URL, whose
    server has the process `postmaster`. `checkout` has the code that works on it.
    """

    folder: Path
    customers: int
    months: int
    url: str = ""
    postmaster: int = 0
    checkout: Checkout = OWN_CHECKOUT

    @property
    def database(self) -> str:
        return "PostgreSQL" if self.url else "SQLite"

    @property
    def file(self) -> Path:
        return self.folder / "ppims.sqlite3"

    @property
    def sample(self) -> Path:
        """The file of the customers that requests are about."""
        return self.folder / "customers.txt"

    def make_environment(self, **more: str) -> dict[str, str]:
        """Make the environment of a process that works on this installation."""
        inherited = {name: value for name, value in os.environ.items() if not is_own(name)}
        own = {"PPIMS_DATA_DIR": str(self.folder), "PYTHONPATH": str(self.checkout.root)}
        own |= {"DJANGO_SETTINGS_MODULE": "ppims.settings"}
        own |= {"DATABASE_URL": self.url} if self.url else {}
        return {**inherited, **own, **more}

    def seed(self) -> None:
        """Write the customers that are not yet there, and pick those whom requests are about."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "--verbosity", "0")
        self._write_people()
        self.run_inside("write_customers", str(self.sample), str(SAMPLE_CUSTOMERS))

    def seed_beside_demo(self) -> None:
        """Load the demo, which has staff and what waits for them, and write the customers that are
        not yet there; count the overview's figures to the end.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("prepare", "--url", "http://127.0.0.1")
        self._write_people()
        self.manage("count_figures")

    def _write_people(self) -> None:
        size = ("--customers", str(self.customers), "--months", str(self.months))
        self._run_python("manage.py", "seed", *size, is_shown=True)

    def manage(self, *command: str) -> None:
        """Run a command of PPIMS. Raises RuntimeError with its last lines if it fails."""
        self._run_python("manage.py", *command)

    def verify(self) -> str:
        """Verify the ledger: return what it finds wrong, or nothing."""
        try:
            self.manage("verify_ledger")
        except RuntimeError as error:
            return str(error)
        return ""

    def run_inside(self, *command: str) -> Any:
        """Run a command of tests.bench.inside, and return what it finds."""
        printed = self._run_python("-c", INSIDE_PROGRAM, *command, PPIMS_GROUP_COMMIT="0")
        return json.loads(printed) if printed.strip() else None

    def take_numbers(self, many: int) -> int:
        """Take so many numbers for Ref_Ids and new people, none twice: return the first."""
        path = self.folder / "next_number"
        first = int(path.read_text()) if path.exists() else 1_000_000
        self.begin_numbers(first + many)
        return first

    def begin_numbers(self, first: int) -> None:
        """Let the next number to be taken be this one."""
        (self.folder / "next_number").write_text(str(first))

    def measure_size(self) -> Size:
        """Measure the database, after a checkpoint has emptied its -wal."""
        if self.url:
            return Size(int(self.run_inside("measure_size")), 0)
        log = self.file.with_name(f"{self.file.name}-wal")
        wal_bytes = log.stat().st_size if log.exists() else 0
        with closing(sqlite3.connect(self.file, timeout=30)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Size(self.file.stat().st_size, wal_bytes)

    def _run_python(self, *command: str, is_shown: bool = False, **more: str) -> str:
        """Run Python: return its standard output. Its standard error is shown at once, or if it
        fails.
        """
        done = subprocess.run(
            [self.checkout.python, *command],
            cwd=self.checkout.root,
            env=self.make_environment(**more),
            stdout=subprocess.PIPE,
            stderr=None if is_shown else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            end = "\n".join((done.stderr or done.stdout).splitlines()[-12:])
            raise RuntimeError(
                f"{' '.join(command[-3:])} failed: exit code {done.returncode}\n{end}"
            )
        return done.stdout

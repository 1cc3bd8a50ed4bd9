"""Where an installation is, found without its settings: they may be what is wrong."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ppims.db import url

ROOT_FOLDER = Path(__file__).resolve().parents[3]
KEY_NAMES = ("document", "digest", "ledger", "session")


@dataclass(frozen=True)
class Place:
    """A checkout, its data folder, and its SQLite file (None: PostgreSQL, or nobody can tell)."""

    root: Path
    data_dir: Path
    database: Path | None
    environment: Mapping[str, str]

    @property
    def is_production(self) -> bool:
        return read_variable(self.environment, "PPIMS_ENV") == "production"

    @property
    def is_on_postgresql(self) -> bool:
        return read_variable(self.environment, "DATABASE_URL").startswith("postgres")

    def read_number(self, name: str, default: int) -> int:
        """Read a whole number; the default of what is none, since others say so."""
        text = self.environment.get(name, "")
        return int(text) if text.isdecimal() else default

    def list_key_files(self) -> dict[str, Path]:
        """Map the rings that are files of the data folder to them."""
        if self.environment.get("PPIMS_KEY_COMMAND"):
            return {}
        given = ("PPIMS_{}_KEYS", "PPIMS_{}_KEYS_FILE")
        return {
            name: self.data_dir / "keys" / f"{name}.key"
            for name in KEY_NAMES
            if not any(self.environment.get(each.format(name.upper())) for each in given)
        }


def find_place(environment: Mapping[str, str] = os.environ) -> Place:
    """Find the installation that the environment names, as ppims/settings.py does. Makes nothing
    that isn't there.
    """
    folder = read_variable(environment, "PPIMS_DATA_DIR") or str(ROOT_FOLDER / "var")
    data_dir = Path(folder).resolve()
    return Place(ROOT_FOLDER, data_dir, _find_database(environment, data_dir), environment)


def read_variable(environment: Mapping[str, str], name: str) -> str:
    """Read NAME, or the file that NAME_FILE names; "" where it can't be read."""
    file = environment.get(f"{name}_FILE")
    if not file:
        return environment.get(name, "")
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeError):
        return ""


def _find_database(environment: Mapping[str, str], data_dir: Path) -> Path | None:
    own = f"sqlite:///{quote(str(data_dir / 'ppims.sqlite3'))}"
    try:
        known = url.make_settings(
            read_variable(environment, "DATABASE_URL") or own, busy_seconds=1, statement_seconds=0
        )
    except ValueError:
        return None
    name = str(known["NAME"])
    return Path(name) if known["ENGINE"] == url.SQLITE_ENGINE and ":memory:" not in name else None

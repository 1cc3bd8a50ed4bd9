"""What holds for every file: style, types, direction, size. The rules are in CONTRIBUTING.md."""

import ast
import io
import os
import re
import subprocess
import sys
import sysconfig
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sysconfig.get_path("scripts"))
PACKAGES = ("ppims", "customers", "limits")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LONGEST_FUNCTION_LINES = 50
LONGEST_FILE_LINES = 400


def sources(*folders: str) -> list[Path]:
    """List the Python files that people wrote there, migrations left out."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(*command: str, **variables: str) -> None:
    """Run a tool in the checkout, without the installation's variables but those given."""
    own = ("PPIMS_", "DATABASE_URL")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command[1:])}\n{done.stdout}"


# The tools.


def test_ruff_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_ruff_would_format_nothing() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_types_are_strict_and_right(tmp_path: Path) -> None:
    run(sys.executable, "-m", "mypy", PPIMS_DATA_DIR=str(tmp_path))


def test_djade_would_format_no_template() -> None:
    templates = [str(path) for path in sorted((ROOT / "templates").rglob("*.html"))]
    assert templates
    run(str(TOOLS / "djade"), "--target-version", "5.2", "--check", *templates)


def test_imports_go_downward_only() -> None:
    run(sys.executable, str(TOOLS / "lint-imports"), "--no-logo")


def test_every_module_of_the_kernel_and_the_root_has_its_layer() -> None:
    (strata,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "strata")
    placed = set(re.findall(r"\((ppims\.\w+)\)", " ".join(strata["layers"])))
    there = {
        f"ppims.{path.stem}"
        for path in (ROOT / "ppims").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - placed == {"ppims.__init__", "ppims.settings", "ppims.migrations"}


def test_no_migration_is_missing(tmp_path: Path) -> None:
    command = ("manage.py", "makemigrations", "--check", "--dry-run")
    run(sys.executable, *command, PPIMS_DATA_DIR=str(tmp_path))


def test_django_finds_nothing_wrong_with_a_production_set_up(tmp_path: Path) -> None:
    run(
        sys.executable,
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        PPIMS_ENV="production",
        PPIMS_ALLOWED_HOSTS="ppims.example.in",
        PPIMS_DATA_DIR=str(tmp_path),
    )


# Size.


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give each function's name and its lines, decorators left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_every_function_is_at_most_fifty_lines() -> None:
    long = {
        f"{name(path)}: {function}": lines
        for path in sources(*PACKAGES, "tests")
        for function, lines in functions(path)
        if lines > LONGEST_FUNCTION_LINES
    }
    assert long == {}


def test_every_file_is_at_most_four_hundred_lines() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in sources(*PACKAGES, "tests")}
    assert {file: count for file, count in lines.items() if count > LONGEST_FILE_LINES} == {}


# Words.


def code_of(path: Path) -> str:
    """Give a file's code alone: comments and texts may speak of what the code must not do."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return " ".join(t.string for t in tokens if t.type in {tokenize.NAME, tokenize.OP})


def test_money_is_never_a_float_nor_a_decimal_column() -> None:
    forbidden = re.compile(r"\b(FloatField|DecimalField)\b|\bfloat \(")
    money = [*sources("limits", "customers"), ROOT / "ppims" / "money.py"]
    assert [name(path) for path in money if forbidden.search(code_of(path))] == []


def test_nothing_is_left_to_do() -> None:
    forbidden = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    folders = (*PACKAGES, "tests", "templates", "docs", ".ci", "static")
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.py"), ROOT / ".env.example"]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    own = [path for path in files if path.suffix != ".pyc" and "vendor" not in path.parts]
    text = {
        name(path): path.read_bytes().decode(errors="replace") for path in own if path.is_file()
    }
    assert [file for file, words in text.items() if forbidden.search(words)] == []


# Locks.


def locked(file: str) -> dict[str, str]:
    """Map each package of a lock file to its version; every one of them has its hashes."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / file).read_text())[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    return dict(re.match(r"([a-z0-9.-]+)==([^ ]+)", entry).groups() for entry in entries)


def packages(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", each).group().lower() for each in requirements}


def test_the_lock_has_every_dependency_with_its_hashes() -> None:
    assert packages(PROJECT["project"]["dependencies"]) <= set(locked("requirements.lock"))


def test_the_lock_for_tests_has_every_dependency_of_tests() -> None:
    wanted = packages(PROJECT["project"]["optional-dependencies"]["test"])
    assert wanted <= set(locked("requirements-test.lock"))


def test_the_lock_for_tests_holds_all_of_the_other_at_the_same_versions() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-test.lock").items()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_names_no_registry_and_no_path(file: str) -> None:
    assert re.findall(r"https?:|file:|--\w*-?(?:index|links)\S*", (ROOT / file).read_text()) == []

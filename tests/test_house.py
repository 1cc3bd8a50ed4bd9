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
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sysconfig.get_path("scripts"))
PACKAGES = ("ppims", "customers", "limits")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LONGEST_FUNCTION_LINES = 50
LONGEST_FILE_LINES = 400


def list_sources(*folders: str) -> list[Path]:
    """List the Python files that people wrote there, migrations left out."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def write_name(path: Path) -> str:
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


def test_every_room_has_its_floor() -> None:
    (floors,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "floors")
    assert len(floors["layers"]) == 9
    assert not [floor for floor in floors["layers"] if ":" in floor or "(" in floor]
    placed = set(re.findall(r"ppims\.\w+", " ".join(floors["layers"])))
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


def list_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give each function's name and its lines, decorators left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_every_function_is_at_most_fifty_lines() -> None:
    long = {
        f"{write_name(path)}: {function}": lines
        for path in list_sources(*PACKAGES, "tests")
        for function, lines in list_functions(path)
        if lines > LONGEST_FUNCTION_LINES
    }
    assert long == {}


def test_every_file_is_at_most_four_hundred_lines() -> None:
    lines = {
        write_name(path): len(path.read_text().splitlines())
        for path in list_sources(*PACKAGES, "tests")
    }
    assert {file: count for file, count in lines.items() if count > LONGEST_FILE_LINES} == {}


# Words.


def read_code(path: Path) -> str:
    """Give a file's code alone: comments and texts may speak of what the code must not do."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return " ".join(t.string for t in tokens if t.type in {tokenize.NAME, tokenize.OP})


def test_money_is_never_a_float_nor_a_decimal_column() -> None:
    forbidden = re.compile(r"\b(FloatField|DecimalField)\b|\bfloat \(")
    money = [*list_sources("limits", "customers"), ROOT / "ppims" / "core" / "money.py"]
    assert [write_name(path) for path in money if forbidden.search(read_code(path))] == []


IN_DATABASES = re.compile(r"__i?regex|\bREGEXP\b|\bSIMILAR TO\b|~\*", re.IGNORECASE)


def list_patterns(node: ast.AST) -> list[str]:
    """List the patterns of a node that aren't written where it is, nor constants of the module."""
    if isinstance(node, ast.Constant):
        return IN_DATABASES.findall(str(node.value))
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args):
        return []
    names = [part.id for part in ast.walk(node.args[0]) if isinstance(part, ast.Name)]
    return [ast.unparse(node) for each in names if not each.isupper()]


def test_no_pattern_is_ever_somebody_elses() -> None:
    """What a person sends as a pattern could hold the interpreter for minutes."""
    found = {
        f"{write_name(path)}: {pattern}"
        for path in list_sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        for pattern in list_patterns(node)
    }
    assert found == {
        "ppims/backoffice/admin_site.py: __regex",  # its docstring tells what it is against
        "ppims/wire/request_fields.py: re.compile(pattern)",  # of its own callers
    }


# What one database alone has: roles.
OF_ONE_DATABASE = {"ppims/management/commands/grant_application.py"}
WHICH_DATABASE = re.compile(r"\. vendor\b|\bsettings \. SQLITE\b")


def test_what_differs_between_the_databases_stands_in_db() -> None:
    """Elsewhere nothing asks which of the two it is: a function of ppims/db says what it does."""
    asking = {
        write_name(path)
        for path in list_sources(*PACKAGES)
        if path.parent != ROOT / "ppims" / "db" and WHICH_DATABASE.search(read_code(path))
    }
    assert asking == OF_ONE_DATABASE


def test_nothing_is_left_to_do() -> None:
    forbidden = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    folders = (*PACKAGES, "tests", "templates", "docs", ".ci", "static")
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.py"), ROOT / ".env.example"]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    own = [
        path
        for path in files
        if path.suffix not in {".pyc", ".webp"} and "vendor" not in path.parts
    ]
    text = {
        write_name(path): path.read_bytes().decode(errors="replace")
        for path in own
        if path.is_file()
    }
    assert [file for file, words in text.items() if forbidden.search(words)] == []


# Tables: who writes which, and how SQLite keeps them.

WRITES = re.compile(
    r"\b(insert|save|create|get_or_create|update_or_create|bulk_create|bulk_update)\("
)
CHANGES = re.compile(r"\b(update|delete|bulk_update)\(")
# What a plan says; whole made-up histories; heads that are locked first, and the cache anew.
STORES = {"limits/stores/sqlite.py", "limits/stores/postgresql.py"}
BULK, LEDGER = "limits/bulk.py", "limits/ledger.py"
WRITERS = {
    "LedgerEntry": {*STORES, BULK},
    "LedgerHead": {*STORES, BULK, LEDGER},
    "MonthlyUsage": {*STORES, BULK, LEDGER},
    "LimitCheck": {*STORES, BULK},
    "Hold": {*STORES, BULK},
    "AuditEntry": {"ppims/services/audit.py"},
    "AuditHead": {"ppims/services/audit.py"},
}
CHANGERS = {
    **{model: {*STORES, LEDGER} for model in ("LedgerHead", "Hold", "MonthlyUsage")},
    "AuditHead": {"ppims/services/audit.py"},
}
TABLES = {"LimitCheck": "CHECKS", "LedgerEntry": "ENTRIES"}  # as the stores know them


def name_rows(model: str, tree: ast.AST) -> set[str]:
    """Name what holds such a row there: what it was assigned to, or annotated as."""
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and re.search(rf"\b{model}\b", ast.unparse(node.value)):
            parts = [part for target in node.targets for part in ast.walk(target)]
            named |= {part.id for part in parts if isinstance(part, ast.Name)}
        annotation = getattr(node, "annotation", None) if isinstance(node, ast.arg) else None
        if annotation and re.fullmatch(rf"{model}( \| None)?", ast.unparse(annotation)):
            named.add(node.arg)
    return named


def list_writes(model: str, path: Path, methods: re.Pattern[str]) -> list[str]:
    """List the calls there that write rows of a model, by its manager or by a name for its rows."""
    tree = ast.parse(path.read_text())
    rows = "|".join([rf"{model}\.objects\b.*", *name_rows(model, tree)])
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [re.match(rf"({rows})\.(?=\w+\()", call) for call in calls]
    in_bulk = [call for call in calls if re.match(rf"(bulk\.)?insert\({model}\b", call)]
    one_by_one = [m.string for m in found if m and methods.match(m.string, m.end())]
    inserts = [c for c in calls if re.match(rf"write_insert\({TABLES.get(model)}\b", c)]
    one_by_one += inserts if methods is WRITES else []
    one_by_one += list_handwritten(
        model, tree, "INSERT INTO" if methods is WRITES else "UPDATE|DELETE FROM"
    )
    return one_by_one + (in_bulk if methods is WRITES else [])


def list_handwritten(model: str, tree: ast.AST, verbs: str) -> list[str]:
    """List the statements there, written by hand, that begin so for the model's table."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    pattern = re.compile(rf"\s*({verbs}) \w+_{model.lower()}\b")
    return [text for text in texts if isinstance(text, str) and pattern.match(text)]


@pytest.mark.parametrize("model", WRITERS)
def test_a_table_of_the_ledger_has_its_writers_and_no_others(model: str) -> None:
    writers = {
        write_name(path) for path in list_sources(*PACKAGES) if list_writes(model, path, WRITES)
    }
    assert writers == WRITERS[model]


@pytest.mark.parametrize("model", WRITERS)
def test_no_row_of_the_ledger_is_changed_or_deleted_elsewhere(model: str) -> None:
    changers = {
        write_name(path) for path in list_sources(*PACKAGES) if list_writes(model, path, CHANGES)
    }
    assert changers <= CHANGERS.get(model, set())


def test_a_write_is_noticed_in_each_of_its_forms(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    for line in (
        "Hold.objects.create(a=1)",
        "Hold.objects.filter(a=1).get_or_create()",
        "Hold.objects.bulk_create([1])",
        "hold = Hold(a=1)\nhold.save()",
        "hold = Hold.objects.get(pk=1)\nhold.save(update_fields=['a'])",
        "def keep(hold: Hold | None):\n    hold.save()",
        "bulk.insert(Hold, rows)",
        "HOLDS, OTHERS = Table(Hold), Table(Other)\nHOLDS.insert(hold)",
        "OPEN = 'INSERT INTO limits_hold VALUES (1)'",
    ):
        path.write_text(line)
        assert list_writes("Hold", path, WRITES), line
        assert not list_writes("LimitCheck", path, WRITES), line
    path.write_text("Hold.objects.filter(a=1).delete()\nHold.objects.get(pk=1)")
    assert list_writes("Hold", path, CHANGES) == ["Hold.objects.filter(a=1).delete()"]
    path.write_text("CLOSE = 'DELETE FROM limits_hold WHERE a = 1'")
    assert list_writes("Hold", path, CHANGES)
    assert list_writes("Hold", path, WRITES) == []


TRANSACTION = re.compile(r"\b(run_in_transaction|wrap_in_transaction|atomic|audit \. record)\b")
# Where a transaction may begin, besides services and ppims/db, and why.
BEGINNERS = {
    "limits/stores/carry_out.py": "a group of requests, and what fails alone",
    "limits/management/commands/rebuild_usage.py": "sums, a batch at a time",
    "ppims/management/commands/grant_application.py": "rights of PostgreSQL, no rows",
    "ppims/demo/load.py": "the whole demo, or nothing of it",
    "ppims/demo/control_log.py": "that a control was used",
    "ppims/demo/people.py": "one person of each kind, or nobody",
    "ppims/maintenance/importing.py": "a file of customers, a batch at a time",
    "ppims/seed/writing.py": "made-up rows, a batch at a time",
}


def test_transactions_begin_in_services() -> None:
    beginners = {
        write_name(path)
        for path in list_sources(*PACKAGES)
        if TRANSACTION.search(read_code(path))
        and "services" not in path.parts
        and path.parent != ROOT / "ppims" / "db"
    }
    assert beginners == set(BEGINNERS)


def list_table_statements() -> dict[str, str]:
    """Map each table of ours, many-to-many ones left out, to what made it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        made = dict(cursor.fetchall())
    own = ("ppims_", "customers_", "limits_")
    of_django = ("ppims_user_groups", "ppims_user_user_permissions")
    return {t: sql for t, sql in made.items() if t.startswith(own) and t not in of_django}


@pytest.mark.only_on("sqlite", "PostgreSQL has no rowids")
@pytest.mark.django_db
def test_tables_that_are_read_by_their_key_alone_have_no_rowid() -> None:
    without = {
        table for table, sql in list_table_statements().items() if sql.endswith("WITHOUT ROWID")
    }
    names = ("ppims_replaykey", "customers_identifier", "customers_nameword", "limits_monthlyusage")
    assert without >= set(names)


@pytest.mark.only_on("sqlite", "PostgreSQL has no rowids")
@pytest.mark.django_db
def test_no_table_of_ours_writes_a_second_one_at_every_insert() -> None:
    tables = list_table_statements()
    assert "limits_ledgerentry" in tables
    assert [table for table, sql in tables.items() if "AUTOINCREMENT" in sql.upper()] == []

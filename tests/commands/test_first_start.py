"""`python3 -m ppims`, as far as it goes without a network."""

import ast
import base64
import hashlib
import importlib.util
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ppims import __main__ as start

ROOT = Path(__file__).resolve().parents[2]
# One that has pip: .venv's own, or else the one outside that filled it.
PYTHON = sys.executable if importlib.util.find_spec("pip") else sys._base_executable
WITHOUT_ENSUREPIP = "sys.modules['ensurepip'] = None"
OF_THE_START = ("__init__", "health_question", "start_texts", "terminal")
WITHOUT_PIP = "sys.modules['pip'] = None"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own, whose lock names nothing but a package that `make_wheel` makes."""
    for name in ("__init__.py", "__main__.py", *(f"core/{name}.py" for name in OF_THE_START)):
        copy = tmp_path / "ppims" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((ROOT / "ppims" / name).read_text())
    (tmp_path / "manage.py").write_text("import sys, greeting; print(sys.prefix, sys.argv[1:])\n")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements.lock").write_text(f"greeting==1.0 --hash=sha256:{'0' * 64}\n")
    return tmp_path


def make_wheel(checkout: Path) -> None:
    """Make the wheel that the lock names, and put its hash there."""
    wheel = checkout / "wheels" / "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": "",
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        "Generator: this test\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={digest(text)},{len(text)}" for name, text in files.items()]
    files["greeting-1.0.dist-info/RECORD"] = "\n".join(
        [*record, "greeting-1.0.dist-info/RECORD,,", ""]
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout / "requirements.lock").write_text(f"greeting==1.0 --hash=sha256:{sha256}\n")


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def begin(
    folder: Path, *arguments: str, before: str = "", **variables: str
) -> subprocess.Popen[str]:
    """Start `python -m ppims` there, with no network; `before` is run first in its process."""
    program = f"import runpy, sys; {before or 'pass'}; runpy.run_module('ppims', alter_sys=True, "
    program += "run_name='__main__')"
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PPIMS_"}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), **variables}
    return subprocess.Popen(
        [PYTHON, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    folder: Path, *arguments: str, before: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    process = begin(folder, *arguments, before=before, **variables)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def join_lines(text: str) -> str:
    (line,) = text.splitlines()
    return line


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# What it says without doing anything.


def test_help_names_each_command() -> None:
    done = run(ROOT, "--help")
    assert done.returncode == 0
    for line in (
        "python3 -m ppims ",
        "python3 -m ppims test",
        "python3 -m ppims manage",
        "python3 -m ppims bench",
        "python3 -m ppims install",
        "python3 -m ppims health",
    ):
        assert line in done.stdout


@pytest.mark.parametrize("command", ["test", "bench"])
def test_a_copy_without_tests_says_that_it_has_none(checkout: Path, command: str) -> None:
    done = run(checkout, command)
    assert (done.returncode, done.stdout) == (1, "")
    assert join_lines(done.stderr) == start.NO_TESTS
    assert not (checkout / ".venv").exists()


def test_an_unknown_command_gets_the_usage(checkout: Path) -> None:
    done = run(checkout, "serv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no command 'serv'" in done.stderr
    assert start.USAGE_TEXT in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_older_python_is_told_so_in_one_line() -> None:
    start.require_python((3, 11))
    with pytest.raises(SystemExit, match=r"^ppims: needs Python 3\.11 or newer, this is 3\.9$"):
        start.require_python((3, 9))


def test_an_older_python_can_read_the_file_that_tells_it() -> None:
    source = (ROOT / "ppims" / "__main__.py").read_text()
    ast.parse(source, feature_version=(3, 7))


@pytest.mark.parametrize("module", ["__main__", *(f"core/{name}" for name in OF_THE_START)])
def test_it_needs_nothing_but_the_standard_library(module: str) -> None:
    tree = ast.parse((ROOT / "ppims" / f"{module}.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported -= {f"ppims.core.{name}" for name in OF_THE_START}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


# The address.


def test_the_next_free_port_is_taken_when_the_first_is_not_free(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    monkeypatch.setattr(start, "DEFAULT_PORTS", [taken, free])
    assert start.choose_address("") == ("127.0.0.1", free)


def test_it_says_so_when_every_port_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "DEFAULT_PORTS", [taken])
    with pytest.raises(SystemExit, match="PPIMS_BIND"):
        start.choose_address("")


def test_a_chosen_address_that_is_taken_is_one_line_and_exit_1(checkout: Path, taken: int) -> None:
    done = run(checkout, PPIMS_BIND=f"127.0.0.1:{taken}")
    assert (done.returncode, done.stdout) == (1, "")
    line = join_lines(done.stderr)
    assert line.startswith(f"ppims: can't listen on PPIMS_BIND=127.0.0.1:{taken}: Address already")
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("[::1]:8000", ("[::1]", 8000)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert start.parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["8000", ":8000", "localhost", "localhost:0", "localhost:65536", "::1:8000", "a:b", "a:²"],
)
def test_another_text_is_no_address(text: str) -> None:
    with pytest.raises(SystemExit, match="not HOST:PORT"):
        start.parse_address(text)


def test_an_ipv6_address_can_be_listened_on() -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        assert "already in use" in start.explain_no_listening("[::1]", port)
    assert start.explain_no_listening("[::1]", port) == ""


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_is_a_whole_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPIMS_WORKERS", text)
    with pytest.raises(SystemExit, match="PPIMS_WORKERS"):
        start.read_whole_number("PPIMS_WORKERS", 2)


# The installation.


def test_the_stamp_changes_with_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("django==5.2\n")
    before = start.write_stamp_line(lock)
    assert start.write_stamp_line(lock) == before
    lock.write_text("django==5.2.1\n")
    assert start.write_stamp_line(lock) != before


@pytest.mark.parametrize(
    ("arguments", "lock"),
    [
        (["migrate"], start.RUN_LOCK),
        (["copy_database", "--to", "sqlite:////var/postgres"], start.RUN_LOCK),
        (["copy_database", "--to", "postgres://ppims@db/ppims"], start.POSTGRES_LOCK),
        (["copy_database", "--to=postgresql://ppims@db/ppims"], start.POSTGRES_LOCK),
    ],
)
def test_the_driver_comes_with_the_database_that_is_named(
    arguments: list[str], lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    assert start.lock_for(arguments) == lock


def test_without_ensurepip_and_pip_one_line_tells_what_to_install(checkout: Path) -> None:
    done = run(checkout, before=f"{WITHOUT_ENSUREPIP}; {WITHOUT_PIP}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get install python3-venv" in join_lines(done.stderr)
    assert not (checkout / ".venv").exists()


def test_a_failed_install_says_why_and_the_next_start_recovers(checkout: Path) -> None:
    failed = run(checkout, "manage", "greet", before=WITHOUT_ENSUREPIP)
    assert failed.returncode == 1
    assert failed.stderr.startswith("ppims: could not install requirements.lock; start again")
    assert "No matching distribution found for greeting" in failed.stderr
    assert "Traceback" not in failed.stderr

    make_wheel(checkout)
    recovered = run(checkout, "manage", "greet", "--loudly")
    assert recovered.returncode == 0, recovered.stderr
    assert f"{checkout / '.venv'} ['greet', '--loudly']" in recovered.stdout

    (checkout / "wheels" / "greeting-1.0-py3-none-any.whl").unlink()
    again = run(checkout, "manage", "greet")
    assert join_lines(again.stdout) == f"{checkout / '.venv'} ['greet']"


def test_an_install_that_was_cut_off_is_made_anew(checkout: Path) -> None:
    make_wheel(checkout)
    leftovers = checkout / ".venv" / "bin"
    leftovers.mkdir(parents=True)
    (leftovers / "python").symlink_to(sys.executable)
    assert run(checkout, "manage", before=WITHOUT_ENSUREPIP).returncode == 0


def test_without_ensurepip_the_pip_outside_installs(checkout: Path) -> None:
    make_wheel(checkout)
    done = run(checkout, "manage", "greet", before=WITHOUT_ENSUREPIP)
    assert done.returncode == 0, done.stderr
    assert not list((checkout / ".venv").glob("lib/python*/site-packages/pip"))


def test_what_the_environment_says_of_packages_elsewhere_is_not_heard(checkout: Path) -> None:
    make_wheel(checkout)
    alien = checkout / "alien"
    (alien / "greeting").mkdir(parents=True)
    (alien / "greeting" / "__init__.py").write_text("raise SystemExit('an alien greeting')")
    elsewhere = {"TARGET": "t", "PREFIX": "p", "ROOT": "r", "PYTHON": "none", "CONSTRAINT": "none"}
    elsewhere |= {"USER": "1", "DRY_RUN": "1", "PLATFORM": "win32", "REQUIRE_VIRTUALENV": "1"}
    variables = {f"PIP_{name}": value for name, value in elsewhere.items()}
    done = run(checkout, "manage", before=WITHOUT_ENSUREPIP, PYTHONPATH=str(alien), **variables)
    assert done.returncode == 0, done.stderr
    assert f"{checkout / '.venv'} []" in done.stdout


@pytest.mark.parametrize("section", ["global", "install"])
def test_pip_conf_says_which_index_and_not_where_to(checkout: Path, section: str) -> None:
    make_wheel(checkout)
    conf = checkout / "pip.conf"
    elsewhere = "user = true\ntarget = t\nprefix = p\nroot = r\n"
    conf.write_text(f"[{section}]\n{elsewhere}find-links = {checkout / 'wheels'}\n")
    variables = {"PIP_CONFIG_FILE": str(conf), "PIP_FIND_LINKS": ""}
    done = run(checkout, "manage", before=WITHOUT_ENSUREPIP, **variables)
    assert done.returncode == 0, done.stderr
    assert f"{checkout / '.venv'} []" in done.stdout


def test_install_installs_and_compiles_and_ends(checkout: Path) -> None:
    make_wheel(checkout)
    done = run(checkout, "install", before=WITHOUT_ENSUREPIP)
    assert done.returncode == 0, done.stderr
    assert list((checkout / ".venv").glob("lib/python*/site-packages/greeting.py"))
    assert list((checkout / "ppims").glob("__pycache__/__main__.*.pyc"))


def test_an_upgrade_that_fails_leaves_what_was_there(checkout: Path) -> None:
    make_wheel(checkout)
    good = (checkout / "requirements.lock").read_text()
    assert run(checkout, "manage", before=WITHOUT_ENSUREPIP).returncode == 0
    (checkout / "requirements.lock").write_text(good + f"absent==1 --hash=sha256:{'0' * 64}\n")
    assert run(checkout, "manage", before=WITHOUT_ENSUREPIP).returncode == 1
    (checkout / "requirements.lock").write_text(good)
    again = run(checkout, "manage", PIP_FIND_LINKS="")
    assert join_lines(again.stdout) == f"{checkout / '.venv'} []"


def test_two_starts_at_once_install_once(checkout: Path) -> None:
    make_wheel(checkout)
    both = [begin(checkout, "manage", before=WITHOUT_ENSUREPIP) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("installing" in out for out, _ in said) == 1


def test_a_command_of_manage_that_fails_is_told_by_its_last_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "manage.py").write_text("raise ValueError('the key file is missing')\n")
    monkeypatch.setattr(start, "ROOT", checkout)
    monkeypatch.setattr(start, "VENV_PYTHON", Path(sys.executable))
    with pytest.raises(SystemExit) as stopped:
        start.manage("migrate")
    first, _ = str(stopped.value).splitlines()
    assert first == "ppims: ValueError: the key file is missing"


def test_the_welcome_names_the_passwords_only_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPIMS_DATA_DIR", str(tmp_path))
    assert "createsuperuser" in start.write_welcome("http://127.0.0.1:8000")
    (tmp_path / "demo.json").write_text("{}")
    assert str(tmp_path / "demo.json") in start.write_welcome("http://127.0.0.1:8000")

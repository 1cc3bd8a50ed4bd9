"""Start PPIMS from a bare checkout: `python3 -m ppims --help` tells how.

Standard library only: what the program needs is installed from here.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import ipaddress
import os
import re
import socket
import subprocess
import sys
import venv
from pathlib import Path

from ppims.core.health_question import explain_unready
from ppims.core.start_texts import DEMO_ALONE, NO_HOSTS, NO_TESTS, USAGE_TEXT, WELCOME_TEXT
from ppims.core.terminal import write_on_any_terminal

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP_FILE = VENV / "ppims.stamp"
INSTALL_LOCK = ROOT / ".venv.lock"
RUN_LOCK = ROOT / "requirements.lock"
POSTGRES_LOCK = ROOT / "requirements-postgres.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
# Each holds all of those before it, at the same versions (tests/test_house.py).
LOCKS = (RUN_LOCK, POSTGRES_LOCK, TEST_LOCK)
COMPILED_PACKAGES = ("ppims", "customers", "limits")

# Of what pip.conf and the environment say, the index and the way to it are theirs; what is
# installed and where to, the lock and .venv alone say.
INTO_VENV = ("--no-user", "--target=", "--root=/", f"--prefix={VENV}")
MISLEADING_VARIABLES = {
    *("PIP_DRY_RUN", "PIP_PYTHON", "PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_EDITABLE"),
    *("PIP_PLATFORM", "PIP_PYTHON_VERSION", "PIP_IMPLEMENTATION", "PIP_ABI"),
    *("PYTHONHOME", "PYTHONPATH"),
}

OLDEST_PYTHON = (3, 11)
DEFAULT_HOST = "127.0.0.1"
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # listened on, and where to find it then
DEFAULT_PORTS = range(8000, 8100)
SERVERS = {  # the threads of the first are the program's own: ppims/asgi.py
    "asgi": "--worker-class ppims.server.gunicorn_worker.Worker ppims.asgi:application",
    "gthread": "--worker-class ppims.server.thread_worker.Worker --threads {threads}"
    " ppims.wsgi:application",
}


def run_command(arguments: list[str]) -> int:
    require_python(sys.version_info[:2])
    write_on_any_terminal()
    command, *rest = arguments or [""]
    if command in {"-h", "--help", "help"}:
        print(USAGE_TEXT)
        return 0
    if command not in COMMANDS:
        print(f"ppims: there is no command {command!r}\n\n{USAGE_TEXT}", file=sys.stderr)
        return 2
    try:
        COMMANDS[command](rest)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        raise SystemExit(f"ppims: {error}") from error
    return 0


def require_python(version: tuple[int, ...]) -> None:
    if version < OLDEST_PYTHON:
        found, needed = (".".join(map(str, v)) for v in (version, OLDEST_PYTHON))
        raise SystemExit(f"ppims: needs Python {needed} or newer, this is {found}")


# The commands. Each ends by becoming the program that it starts, so that signals reach that one.


def serve(_: list[str]) -> None:
    # First of all: a wrong variable is named at once, not after the install.
    workers, threads = read_whole_number("PPIMS_WORKERS", 2), read_whole_number("PPIMS_THREADS", 4)
    server = read_choice("PPIMS_SERVER", SERVERS)
    host, port = choose_address(os.environ.get("PPIMS_BIND", ""))
    require_a_fit_place(host)
    metrics_options = make_metrics_options(port)
    url = f"http://{EVERY_ADDRESS.get(host, host)}:{port}"
    ensure_installed(lock_for([]))
    print("ppims: preparing the database (the first time takes longest)", flush=True)
    manage("prepare", "--url", url)
    print(write_welcome(url), flush=True)
    start_job_runner()
    options = make_gunicorn_options(server, f"{host}:{port}", workers, threads)
    become("-m", "gunicorn", *options, *metrics_options)


def start_job_runner() -> None:
    """Start the one process that does background work. It ends when this process does, which will
    be the server: gunicorn waits for children that it doesn't know, too.
    """
    if os.environ.get("PPIMS_RUN_JOBS", "") == "0":
        return  # it has a unit of its own
    subprocess.Popen(
        [VENV_PYTHON, str(ROOT / "manage.py"), "run_jobs", "--beside", str(os.getpid())],
        env=make_environment(),
        stdin=subprocess.DEVNULL,
    )


def require_tests() -> None:
    if not (ROOT / "tests").is_dir():
        raise SystemExit(NO_TESTS)


def run_tests(arguments: list[str]) -> None:
    require_tests()
    ensure_installed(TEST_LOCK)
    os.chdir(ROOT)
    become("-m", "tests", *arguments)


def run_manage(arguments: list[str]) -> None:
    ensure_installed(lock_for(arguments))
    become(str(ROOT / "manage.py"), *arguments)


def run_bench(arguments: list[str]) -> None:
    require_tests()
    # It lies among the tests, but needs none of their packages.
    on_postgres = {"--postgres", "--all"} & set(arguments)
    ensure_installed(POSTGRES_LOCK if on_postgres else RUN_LOCK)
    become("-m", "tests.bench", *arguments)


def install_only(arguments: list[str]) -> None:
    """Install, and compile, for somebody who may not write here: a unit's user, a container's."""
    ensure_installed(POSTGRES_LOCK if "--postgres" in arguments else lock_for([]))
    packages = [name for name in COMPILED_PACKAGES if (ROOT / name).is_dir()]
    become("-m", "compileall", "-q", *(str(ROOT / name) for name in packages))


def ask_health(_: list[str]) -> None:
    host, port = parse_address(os.environ.get("PPIMS_BIND") or f"{DEFAULT_HOST}:8000")
    problem = explain_unready(EVERY_ADDRESS.get(host, host), port)
    if problem:
        raise SystemExit(f"ppims: {problem}")
    print("ppims: ready")


COMMANDS = {
    "": serve,
    "test": run_tests,
    "manage": run_manage,
    "bench": run_bench,
    "install": install_only,
    "health": ask_health,
}


def become(*arguments: str) -> None:
    os.execve(VENV_PYTHON, [str(VENV_PYTHON), *arguments], make_environment())


def make_environment() -> dict[str, str]:
    """Make the environment of what is started from here: without anybody else's packages."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING_VARIABLES}
    return {**kept, "PYTHONPATH": str(ROOT)}


# The installation. The stamp has a line for each lock that .venv satisfies, and is written last: a
# .venv without one was cut off half-way, and is made anew.


def lock_for(arguments: list[str]) -> Path:
    """Choose the lock: the one with PostgreSQL's driver where DATABASE_URL or an argument names
    such a database.
    """
    texts = (read_variable("DATABASE_URL"), *arguments)
    is_named = any(re.match("(--[a-z]+=)?postgres", text) for text in texts)
    return POSTGRES_LOCK if is_named else RUN_LOCK


def ensure_installed(lock: Path) -> None:
    if is_installed(lock):
        return
    with INSTALL_LOCK.open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not is_installed(lock):  # another start may have done it while this one waited
            install(lock, guard.fileno())


def is_installed(lock: Path) -> bool:
    return VENV_PYTHON.exists() and write_stamp_line(lock) in read_stamp().splitlines()


def write_stamp_line(lock: Path) -> str:
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"{sys.implementation.cache_tag} {digest}"


def read_stamp() -> str:
    return STAMP_FILE.read_text() if STAMP_FILE.exists() else ""


def install(lock: Path, guard: int) -> None:
    """Bring .venv to what the lock says; `guard` is the open file that keeps other starts out."""
    if not VENV_PYTHON.exists() or f"{sys.implementation.cache_tag} " not in read_stamp():
        make_venv()
    print(f"ppims: installing {lock.name} into {VENV.name} (only when it has changed)", flush=True)
    previous = read_stamp()
    STAMP_FILE.unlink(missing_ok=True)
    # pip keeps the guard open too: should this process be killed, the next start waits for pip.
    pip = run_quietly(*make_pip_command(lock), keep_open=(guard,))
    if pip.returncode != 0:
        STAMP_FILE.write_text(previous)  # no network, most often: what was there still works
        said = "\n".join(f"    {line}" for line in pip.stdout.splitlines()[-8:])
        raise SystemExit(f"ppims: could not install {lock.name}; start again to retry:\n{said}")
    satisfied = LOCKS[: LOCKS.index(lock) + 1]
    STAMP_FILE.write_text("".join(f"{write_stamp_line(each)}\n" for each in satisfied))


def make_venv() -> None:
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    if not has_ensurepip and not importlib.util.find_spec("pip"):
        raise SystemExit("ppims: this Python can't install packages: apt-get install python3-venv")
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=has_ensurepip).create(VENV)
    except (subprocess.CalledProcessError, ValueError) as error:
        raise SystemExit(f"ppims: could not make {VENV.name}: {error}") from error


def make_pip_command(lock: Path) -> list[str]:
    # Debian's Python without python3-venv makes a .venv without pip: the outer pip fills it.
    if any(VENV.glob("lib/python*/site-packages/pip")):
        pip = [str(VENV_PYTHON), "-m", "pip"]
    else:
        pip = [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]
    options = "--quiet --no-input --disable-pip-version-check --require-hashes --only-binary :all:"
    return [*map(str, pip), "install", *options.split(), *INTO_VENV, "-r", str(lock)]


def choose_address(wanted: str) -> tuple[str, int]:
    """Return the host and port to listen on: the wanted ones, or else the first port not taken."""
    if not wanted:
        for port in DEFAULT_PORTS:
            if not explain_no_listening(DEFAULT_HOST, port):
                return DEFAULT_HOST, port
        raise SystemExit("ppims: every port from 8000 to 8099 is taken; set PPIMS_BIND=HOST:PORT")
    host, port = parse_address(wanted)
    problem = explain_no_listening(host, port)
    if problem:
        raise SystemExit(f"ppims: can't listen on PPIMS_BIND={wanted}: {problem}")
    return host, port


def parse_address(text: str, name: str = "PPIMS_BIND") -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    is_host = host and (":" not in host or host[0] + host[-1] == "[]")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 2**16
    if not is_host or not is_port:
        raise SystemExit(f"ppims: {name} is {text!r}, not HOST:PORT such as 127.0.0.1:8000")
    return host, int(port)


def explain_no_listening(host: str, port: int) -> str:
    """Say what keeps a server from listening there; "" where nothing does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), port), family=family).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def require_a_fit_place(host: str) -> None:
    """Refuse production without the names by which it is called, and a demo that listens to other
    machines without being told to.
    """
    if read_variable("PPIMS_ENV") == "production":
        if not read_variable("PPIMS_ALLOWED_HOSTS").strip(" ,"):
            raise SystemExit(NO_HOSTS)
        return
    is_open = read_variable("PPIMS_DEMO_OPEN").lower() in {"1", "true"}
    if not is_open and not is_this_machine(host):
        raise SystemExit(DEMO_ALONE.format(host=host))


def is_this_machine(host: str) -> bool:
    """Return whether only this machine reaches what listens there."""
    # A name may stand for several addresses.
    found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(address).is_loopback for *_, (address, *_) in found)


def read_variable(name: str) -> str:
    """Read NAME, or the file that NAME_FILE names, as ppims/settings.py does."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text("utf-8").strip() if path else os.environ.get(name, "")


def read_whole_number(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SystemExit(f"ppims: {name} is {text!r}, not a whole number from 1")
    return int(text)


def read_choice(name: str, choices: dict[str, str]) -> str:
    text = os.environ.get(name, "") or next(iter(choices))
    if text not in choices:
        raise SystemExit(f"ppims: {name} is {text!r}, not {' or '.join(choices)}")
    return choices[text]


def make_gunicorn_options(server: str, bind: str, workers: int, threads: int) -> list[str]:
    *options_of_server, application = server.format(threads=threads).split()
    options = f"{' '.join(options_of_server)} --workers {workers} --bind {bind}"
    options += " --graceful-timeout 10 --log-level warning --no-control-socket"
    options += " --logger-class ppims.server.http_refusals.Log"
    # Workers touch a file as their heartbeat: on a busy disk that alone can look like a hang.
    if os.access("/dev/shm", os.W_OK):
        options += " --worker-tmp-dir /dev/shm"
    return [*options.split(), "--chdir", str(ROOT), application]


def make_metrics_options(main_port: int) -> list[str]:
    """Let gunicorn listen at PPIMS_METRICS_BIND too, if it is set: ppims/metrics answers there."""
    wanted = read_variable("PPIMS_METRICS_BIND")
    if not wanted:
        return []
    host, port = parse_address(wanted, "PPIMS_METRICS_BIND")
    problem = "the server is there" if port == main_port else explain_no_listening(host, port)
    if problem:
        raise SystemExit(f"ppims: can't listen on PPIMS_METRICS_BIND={wanted}: {problem}")
    return ["--bind", f"{host}:{port}"]


def write_welcome(url: str) -> str:
    data_dir = Path(os.environ.get("PPIMS_DATA_DIR") or ROOT / "var")
    demo = data_dir / "demo.json"  # only a demo has it
    passwords = demo if demo.exists() else "yours: python3 -m ppims manage createsuperuser"
    return WELCOME_TEXT.format(url=url, data_dir=data_dir, passwords=passwords)


def manage(*arguments: str) -> None:
    done = run_quietly(str(VENV_PYTHON), str(ROOT / "manage.py"), *arguments)
    if done.returncode != 0:
        # A traceback's last line is what went wrong; the rest is one command away.
        said = (done.stdout.splitlines() or [f"exit code {done.returncode}"])[-1]
        more = " ".join(["python3 -m ppims manage", *arguments])
        looks = "python3 -m ppims manage doctor"
        raise SystemExit(f"ppims: {said}\n({looks} says what else is wrong; {more} tells more)")


def run_quietly(*command: str, keep_open: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a program with its output kept back. Ctrl-C doesn't reach it: it ends us alone."""
    return subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=make_environment(),
        text=True,
        errors="backslashreplace",
        start_new_session=True,
        pass_fds=keep_open,
    )


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))

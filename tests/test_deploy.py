"""What runs PPIMS elsewhere: the image has all that the program needs and nothing of its tests;
units, compose and nginx name only what is there, and agree with the program.
"""

import configparser
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve

from ppims import __main__ as start
from ppims.asgi import READ_AND_REFUSED_BYTES

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "docs" / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
SERVICES, TIMERS = sorted(DEPLOY.glob("*.service")), sorted(DEPLOY.glob("*.timer"))
MOST_EXPOSED = 15  # tenths, of systemd-analyze security: "OK"
FIRST_STAGE, LAST_STAGE = (f"FROM {stage}" for stage in DOCKERFILE.split("FROM debian:12")[1:])


def list_copied(stage):
    """List what a stage copies from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", stage.replace("\\\n", ""), re.MULTILINE)
    return [name for line in lines for name in line.split()]


def is_copied(name, stage=LAST_STAGE):
    return any(name == copied or name.startswith(f"{copied}/") for copied in list_copied(stage))


def list_tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


# The image.


def test_the_image_has_every_package_template_and_fixture():
    needed = ("ppims/", "customers/", "limits/", "templates/", "static/", "fixtures/")
    assert [
        name for name in list_tracked() if name.startswith(needed) and not is_copied(name)
    ] == []
    assert is_copied("manage.py")


def test_the_image_has_each_file_that_the_program_reads_beside_itself():
    named = {
        name
        for package in start.COMPILED_PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for name in re.findall(r'\b(?:BASE_DIR|ROOT) / "([\w.-]+)"', file.read_text("utf-8"))
    }
    of_this_machine = {".venv", ".venv.lock", "var", "tests", "requirements-test.lock"}
    assert named >= {"pyproject.toml", "fixtures", "templates", "requirements.lock"}
    assert [name for name in named - of_this_machine if not is_copied(name)] == []


def test_the_first_stage_has_what_a_start_imports_and_no_more_than_it_installs():
    text = (ROOT / "ppims" / "__main__.py").read_text()
    modules = re.findall(r"^from (ppims[\w.]+) import", text, re.MULTILINE)
    assert modules
    copied = list_copied(FIRST_STAGE)
    assert {f"{module.replace('.', '/')}.py" for module in modules} <= set(copied)
    assert {"requirements.lock", "requirements-postgres.lock"} <= set(copied)


def test_no_test_and_no_secret_gets_into_the_image():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert {name.split("/")[0] for name in list_copied(FIRST_STAGE + LAST_STAGE)} == let_in
    assert let_in.isdisjoint({"tests", "docs", "var", ".env", "secrets", "requirements-test.lock"})


def test_the_image_is_debians_and_runs_as_nobody_of_the_machines():
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["debian:12", "debian:12"]
    uid = re.search(r"^USER (\d+):(\d+)$", LAST_STAGE, re.MULTILINE)
    assert uid
    assert f"--uid {uid[1]}" in LAST_STAGE
    assert int(uid[1]) >= 10_000
    assert "PPIMS_ENV=production" in LAST_STAGE
    assert "HEALTHCHECK" in LAST_STAGE
    assert "pip" not in LAST_STAGE


# Variables and commands.


def list_variables(text):
    names = re.findall(r"\b(?:PPIMS_[A-Z_]*[A-Z]|DATABASE_URL(?:_FILE)?)\b", text)
    return {name.removesuffix("_FILE") for name in names}


def test_each_variable_that_is_set_is_one_of_ours():
    ours = list_variables((ROOT / ".env.example").read_text())
    files = [*DEPLOY.iterdir(), ROOT / "Dockerfile", ROOT / "compose.yaml"]
    set_here = {name for file in files for name in list_variables(file.read_text())}
    assert len(set_here) > 6
    assert set_here - ours == set()


def test_each_command_that_is_run_is_there():
    texts = [LAST_STAGE, COMPOSE, *(file.read_text() for file in SERVICES)]
    text = "\n".join(texts).replace('", "', " ")
    managed = re.findall(r"(?:manage\.py|ppims manage|\[\"manage) (\w+)", text)
    assert {"run_jobs", "seal", "verify_ledger", "backup", "grant_application"} <= set(managed)
    assert set(managed) - set(get_commands()) == set()
    assert set(re.findall(r"-m ppims (\w+)", text)) <= set(start.COMMANDS)


# systemd.


def read_unit(path):
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str
    unit.read(path)
    return unit


@pytest.mark.parametrize("timer", TIMERS, ids=lambda path: path.name)
def test_each_timer_has_its_service(timer):
    service = timer.with_suffix(".service")
    assert service in SERVICES
    assert read_unit(service)["Service"]["Type"] == "oneshot"
    assert read_unit(timer)["Timer"]["Persistent"] == "yes"


def test_the_watch_has_no_timer_for_the_background_work_asks_for_it():
    assert {timer.stem for timer in TIMERS} == {"ppims-seal", "ppims-verify", "ppims-backup"}
    assert read_unit(DEPLOY / "ppims-jobs.service")["Service"]["ExecStart"].endswith("run_jobs")
    assert "PPIMS_RUN_JOBS=0" in (DEPLOY / "ppims.env").read_text().splitlines()


def read_guard(path):
    """Read what a unit may not do: the lines from its data folder on."""
    return path.read_text().partition("StateDirectory=ppims\n")[2].partition("\n\n")[0].strip()


def test_all_units_are_kept_alike():
    assert len({read_guard(path) for path in SERVICES}) == 1
    assert "CapabilityBoundingSet=\n" in read_guard(SERVICES[0])
    assert all(read_unit(path)["Service"]["User"] == "ppims" for path in SERVICES)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """The units, where this checkout is what they name."""
    version = run("systemd-analyze", "--version")[1] if shutil.which("systemd-analyze") else ""
    if not version or int(version.split()[1]) < 250:
        pytest.skip("no systemd here that reads units offline")
    folder = tmp_path_factory.mktemp("units")
    for path in (*SERVICES, *TIMERS):
        text = path.read_text().replace("/opt/ppims/.venv/bin/python", sys.executable)
        (folder / path.name).write_text(text.replace("/opt/ppims", str(ROOT)))
    return folder


def run(*command):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def test_systemd_reads_the_units_without_a_word(units):
    names = [str(path) for path in sorted(units.iterdir())]
    code, said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names)
    of_ours = [line for line in said.splitlines() if "ppims" in line]
    assert (code, of_ours) == (0, [])


def test_systemd_finds_little_to_attack(units):
    options = ("--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager")
    code, said = run("systemd-analyze", "security", *options, str(units / "ppims.service"))
    assert code == 0, said


# nginx.


def read_size(text):
    return int(text[:-1]) * {"k": 1024, "m": 1024**2}[text[-1]]


def read_location(name):
    return NGINX.partition(f"location {name} {{\n")[2].partition("\n    }")[0]


def test_nginx_lets_through_what_the_program_itself_refuses():
    (of_pages, of_api, *_) = re.findall(r"client_max_body_size (\w+);", NGINX)
    assert read_size(of_pages) == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert f"client_max_body_size {of_api};" in read_location("/api/")
    # What is larger, the program would not read to its end.
    assert read_size(of_api) == READ_AND_REFUSED_BYTES


def test_nginx_ends_an_idle_connection_before_the_program_does():
    (seconds,) = re.findall(r"^    keepalive_timeout (\d+)s; ", NGINX, re.MULTILINE)
    assert int(seconds) < 2  # gunicorn's own


def test_nginx_names_pages_that_are_there():
    for path in re.findall(r"location = (\S+)", NGINX):
        resolve(path)
    for prefix in settings.PPIMS_API_PREFIXES:
        assert prefix.startswith("api/")


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz"])
def test_nginx_shows_nobody_how_the_machine_is(path):
    (pattern,) = re.findall(r"location ~ (\S+) \{ return 404; \}", NGINX)
    assert re.match(pattern, path)
    assert not re.match(pattern, "/customers")


def test_nginx_says_itself_where_a_call_comes_from():
    assert "X-Forwarded-For $remote_addr;" in NGINX
    assert "$proxy_add_x_forwarded_for" not in NGINX
    assert "PPIMS_TRUSTED_PROXIES=127.0.0.1/32" in (DEPLOY / "ppims.env").read_text()


def write_certificate(folder):
    """Write a certificate and its key, as somebody who tries it out makes them."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ppims.example.in")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls.pem").write_bytes(signed.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "tls.key").write_bytes(private)


def test_nginx_reads_its_file_without_a_word(tmp_path):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("no nginx here")
    write_certificate(tmp_path)
    here = str(tmp_path)
    site = NGINX.replace("/etc/ppims/tls", f"{here}/tls").replace("/var/log/nginx", here)
    conf = f"pid {here}/pid; error_log {here}/log; events {{}} http {{ {site} }}"
    (tmp_path / "nginx.conf").write_text(conf)
    code, said = run(nginx, "-t", "-q", "-e", f"{here}/log", "-c", f"{here}/nginx.conf")
    assert (code, said) == (0, "")


# Compose.


def test_in_compose_the_application_is_not_the_owner():
    services = yaml.safe_load(COMPOSE)["services"]
    urls = {name: each["environment"].get("DATABASE_URL_FILE") for name, each in services.items()}
    assert urls["migrate"] == "/run/secrets/owner-url"
    assert {urls["ppims"], urls["jobs"]} == {"/run/secrets/application-url"}
    for name in ("ppims", "jobs", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert not re.search("password|owner", str(services[name]["secrets"])) or name == "migrate"


def test_in_compose_no_secret_is_written_down():
    assert not re.search(r"postgres(ql)?://\S*:\S*@", COMPOSE)
    made = (DEPLOY / "make-secrets").read_text()
    assert [
        name for name in yaml.safe_load(COMPOSE)["secrets"] if name.split("-")[0] not in made
    ] == []


@pytest.mark.parametrize("name", ["make-roles.sh", "make-secrets", "ppims-manage"])
def test_each_script_can_be_read_by_a_plain_shell(name):
    assert run("sh", "-n", str(DEPLOY / name)) == (0, "")

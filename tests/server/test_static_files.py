"""Static files in production: named by their content, compressed, kept by browsers; the admin's
too.
"""

import gzip
import json
import re
import time
from collections import Counter

import pytest
from django.conf import settings as configured
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import override_settings

from ppims.server import static_files
from tests.server.running_server import PATIENCE_SECONDS, RunningServer

YEAR_SECONDS = 365 * 86_400
STORAGES = {**configured.STORAGES, "staticfiles": {"BACKEND": "ppims.server.static_files.Storage"}}
PRODUCTION = {
    "PPIMS_ENV": "production",
    "PPIMS_ALLOWED_HOSTS": "localhost",
    "PPIMS_BEHIND_TLS_PROXY": "1",
}
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the files are the same"),
]


def get(path, *headers):
    head = [f"GET {path} HTTP/1.1", "Host: localhost", "X-Forwarded-Proto: https", *headers]
    return "\r\n".join([*head, "", ""]).encode()


@pytest.fixture(scope="module")
def folder(prepared, tmp_path_factory):
    """A data folder with the static files, as the first start makes it in production."""
    folder = tmp_path_factory.mktemp("production")
    RunningServer(folder).set_up(prepared)
    with override_settings(STATIC_ROOT=folder / "static", STORAGES=STORAGES):
        static_files.collect(folder / "static")
    return folder


@pytest.fixture(params=["asgi", "gthread"])
def server(folder, request):
    server = RunningServer(folder, request.param, **PRODUCTION)
    server.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if server.ask(get("/healthz")).status == 200:
                break
        except OSError:
            time.sleep(0.05)
    yield server
    server.kill()
    assert "Traceback" not in server.read_log()


def test_what_a_page_names_is_kept_for_a_year_and_compressed(server):
    page = server.ask(get("/log-in"))
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    named = re.findall(r'(?:href|src)="(/static/[^"#]+)', page.body.decode())
    assert {re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in named} >= {
        "/static/app.css",
        "/static/app.js",
        "/static/vendor/htmx.min.js",
    }
    for name in named:
        assert re.search(r"\.[0-9a-f]{12}\.", name), name
        plain = server.ask(get(name))
        assert plain.status == 200
        assert int(re.search(r"max-age=(\d+)", plain.headers["Cache-Control"])[1]) >= YEAR_SECONDS
        assert "immutable" in plain.headers["Cache-Control"]
        packed = server.ask(get(name, "Accept-Encoding: gzip"))
        if packed.headers.get("Content-Encoding"):  # a picture of a few bytes gains nothing
            assert gzip.decompress(packed.body) == plain.body
        assert "gzip" in packed.headers.get("Content-Encoding", "") or len(plain.body) < 1000


def test_so_are_the_admins_and_there_are_no_others(server, folder):
    manifest = json.loads((folder / "static" / "staticfiles.json").read_text())["paths"]
    reply = server.ask(get(f"/static/{manifest['admin/css/base.css']}", "Accept-Encoding: gzip"))
    assert (reply.status, reply.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in reply.headers["Cache-Control"]
    folders = {name.partition("/")[0] for name in manifest if "/" in name}
    assert folders == {"admin", "vendor"}
    style = server.ask(get(f"/static/{manifest['admin/css/base.css']}")).body.decode()
    named = re.findall(r"url\(\"?([^\")]+)", style)
    assert named
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", name) for name in named), named


@pytest.fixture
def storage(settings, tmp_path):
    settings.STATICFILES_DIRS = [tmp_path / "own"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT, settings.STORAGES = tmp_path / "static", STORAGES
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "x.js").write_text("1\n//# sourceMappingURL=nowhere.js.map")
    (tmp_path / "own" / "x.css").write_text("a{}\n/*# sourceMappingURL=nowhere.css.map */")
    return settings


def test_a_source_map_that_is_not_there_stops_no_start(storage):
    static_files.collect(storage.STATIC_ROOT)
    assert re.fullmatch(r"/static/x\.\w{12}\.js", staticfiles_storage.url("x.js"))


def test_they_are_collected_anew_when_one_has_changed_and_only_then(storage, monkeypatch):
    collected = []
    monkeypatch.setattr(static_files, "call_command", lambda *_, **__: collected.append(1))
    for _ in range(2):
        static_files.collect(storage.STATIC_ROOT)
    assert len(collected) == 1
    (storage.STATICFILES_DIRS[0] / "x.css").write_text("b{}")
    for _ in range(2):
        static_files.collect(storage.STATIC_ROOT)
    assert len(collected) == 2


def list_outer_selectors(sheet):
    """List the selectors of a style sheet that stand in no @media or the like."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    outer = re.sub(r"@[^{;]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", sheet)
    return [each.strip() for each in re.findall(r"([^{}]+)\{[^{}]*\}", outer)]


def test_no_two_places_of_the_style_sheet_lay_claim_to_one_name():
    selectors = list_outer_selectors((configured.BASE_DIR / "static" / "app.css").read_text())
    assert len(selectors) > 200
    assert [name for name, times in Counter(selectors).items() if times > 1] == []

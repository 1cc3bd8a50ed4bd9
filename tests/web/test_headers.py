"""What a browser may do with our pages, and what nobody stores of them."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.web.admin_pages import open_browser

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
INLINE_PATTERN = re.compile(
    r"<style|\sstyle=|<script(?![^>]*\s(?:src=|type=\"application/json\"))|\son\w+\s*=|"
    r"hx-on|js:|javascript:|hx-trigger=\"[^\"]*\[",
    re.IGNORECASE,
)
PAGES = ["/log-in", "/settings/limits", "/password", "/admin/", "/nothing-here"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_no_page_is_stored_and_no_fragment_taken_for_its_page(address):
    client = Client() if address == "/log-in" else open_browser("admin")
    for headers in ({}, {"HX-Request": "true"}):
        response = client.get(address, headers=headers)
        assert "no-store" in response["Cache-Control"]
        assert "HX-Request" in response["Vary"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_a_page_runs_and_shows_what_is_ours_alone(address):
    response = open_browser("admin").get(address, follow=True)
    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert response["X-Content-Type-Options"] == "nosniff"
    if not address.startswith("/admin"):
        assert INLINE_PATTERN.findall(response.content.decode()) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_that_the_policy_refuses(template):
    assert INLINE_PATTERN.findall(template.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        '<p style="a:b">',
        "<style>",
        "<script>",
        '<a onclick="x()">',
        '<a hx-on:click="x">',
        '<input hx-trigger="keyup[key==1]">',
    ],
)
def test_what_the_policy_refuses_is_noticed(line):
    assert INLINE_PATTERN.search(line)


# Vendored files, and icons.


@pytest.mark.parametrize("folder", ["static/vendor", "tests/browser/vendor"])
def test_a_vendored_file_is_what_was_published(folder):
    there = Path(settings.BASE_DIR, folder)
    told = dict(
        re.findall(r"\| `([\w.]+)` .*`([0-9a-f]{64})` \|", (there / "README.md").read_text())
    )
    files = {path.name: path.read_bytes() for path in there.iterdir() if path.name != "README.md"}
    assert {name: sha256(content).hexdigest() for name, content in files.items()} == told
    assert told


def test_the_sprite_has_the_icons_that_are_used_and_no_others():
    python = [*Path(settings.BASE_DIR, "ppims/backoffice").rglob("*.py"), *TEMPLATES]
    text = "".join(path.read_text() for path in python)
    used = set(re.findall(r'{% icon "([\w-]+)" %}', text))
    used |= set(re.findall(r'(?:Item|Action)\(\s*"[\w:-]+",\s*_\("[^"]+"\),\s*"([\w-]+)"', text))
    sprite = Path(settings.BASE_DIR, "static/icons.svg").read_text()
    assert set(re.findall(r'<symbol id="([\w-]+)"', sprite)) == used

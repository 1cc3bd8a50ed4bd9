"""Whoever has just started the demo: from the printed address to a first call, seen."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings as configured
from playwright.sync_api import expect

from ppims.demo import load
from ppims.models import User
from tests.browser.action_counter import ActionCounter
from tests.conftest import PREFIX

README = Path(configured.BASE_DIR, "README.md")
CHECK = r"^curl -s \$API/check-customer-limit .*$"


@pytest.fixture
def access(site, settings, tmp_path):
    """What the first start writes for whoever started it: addresses, usernames, passwords."""
    settings.PPIMS_DATA_DIR = tmp_path
    User.objects.filter(username__in=load.STAFF).update(password=load.NO_LOG_IN)
    load.write_access(url=site)
    return json.loads((tmp_path / "demo.json").read_text())


def run_line_of_readme(pattern, site):
    """Run a line of README's as somebody does who has copied it, at the root of the repository."""
    [line] = re.findall(pattern, README.read_text(), re.MULTILINE)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=README.parent,
        env={**os.environ, "API": f"{site}{PREFIX}"},
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return done.stdout


@pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])
def test_a_newcomer_logs_in_calls_the_api_and_sees_the_call(visit, site, access, scripted):
    page = visit("", access["url"], java_script_enabled=scripted)
    person = next(user for user in access["users"] if user["role"] == "viewer")
    acts = ActionCounter(page)
    acts.fill("Username", person["username"])
    acts.fill("Password", person["password"])
    acts.submit()
    said = json.loads(run_line_of_readme(CHECK, site))
    assert said["Data"]["Resp_Code"] == "000"
    acts.click("link", "Transactions", exact=True)
    row = page.get_by_role("row").filter(has_text="Meera Iyer").filter(has_text="₹2,000.00")
    expect(row.first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    page.go_forward()
    page.reload()
    expect(row.first).to_be_visible()
    assert acts.count == 4

"""An auditor takes a filtered list away: what is on the screen is what is in the file."""

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])


def fetch_file(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8-sig")


@BOTH_WAYS
def test_customers_are_exported_as_they_are_filtered(visit, scripted):
    page = visit("auditor", "/customers", java_script_enabled=scripted)
    page.get_by_label("Status").select_option(label="Blocked by us")
    if not scripted:
        page.get_by_role("button", name="Show").click()
    pills = page.locator("#list tbody .pill")
    expect(pills.filter(has_text="Active")).to_have_count(0)
    shown = page.locator("#list tbody td.main").all_inner_texts()
    name, text = fetch_file(page, "Export" if scripted else "JSON lines")
    if scripted:
        names = [row["Name"] for row in csv.DictReader(text.splitlines())]
    else:
        names = [json.loads(line)["name"] for line in text.splitlines()]
    assert name.startswith("customers-")
    assert names == shown
    assert names

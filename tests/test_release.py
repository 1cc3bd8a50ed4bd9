"""docs/sbom.cdx.json and docs/licences.md: what a release runs on, by .ci/write_sbom.py."""

import json
import re

from tests.test_house import PROJECT, ROOT, read_lock

BOM = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())
COMPONENTS = BOM["components"]
FIND_VENDORED = re.compile(r"npm `([\w.-]+)`(?:.*?\|)? *([\d.]+)")
FIND_ROW = re.compile(r"^\| (\S+) \| (\d\S*) \| .*\w.* \|$", re.MULTILINE)


def list_versions(kind: str) -> dict[str, str]:
    start = f"pkg:{kind}/"
    return {
        each["purl"].removeprefix(start).partition("@")[0]: each["version"]
        for each in COMPONENTS
        if each["purl"].startswith(start)
    }


def test_a_release_runs_on_what_the_locks_install_and_on_what_is_vendored() -> None:
    assert list_versions("pypi") == read_lock("requirements-postgres.lock")
    vendored = (ROOT / "static" / "vendor" / "README.md").read_text()
    assert list_versions("npm") == dict(FIND_VENDORED.findall(vendored))
    assert BOM["metadata"]["component"]["version"] == PROJECT["project"]["version"]


def test_each_package_names_its_licence_and_the_table_has_each() -> None:
    assert [each["name"] for each in COMPONENTS if not each.get("licenses")] == []
    rows = FIND_ROW.findall((ROOT / "docs" / "licences.md").read_text())
    assert rows == [(each["name"], each["version"]) for each in COMPONENTS]

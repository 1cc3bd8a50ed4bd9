"""What a release runs on: the locks; and docs/sbom.cdx.json and docs/licences.md, which
.ci/write_sbom.py makes of them.
"""

import json
import re

import pytest

from tests.test_house import PROJECT, ROOT

LOCKS = [f"requirements{which}.lock" for which in ("", "-postgres", "-test")]
RELEASE_LOCK = "requirements-release.lock"
BOM = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())
COMPONENTS = BOM["components"]
FIND_VENDORED = re.compile(r"npm `([\w.-]+)`(?:.*?\|)? *([\d.]+)")
FIND_ROW = re.compile(r"^\| (\S+) \| (\d\S*) \| .*\w.* \|$", re.MULTILINE)


def read_lock(file: str) -> dict[str, str]:
    """Map each package of a lock file to its version; every one of them has its hashes."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / file).read_text())[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    return dict(re.match(r"([a-z0-9.-]+)==([^ ]+)", entry).groups() for entry in entries)


def list_packages(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", each).group().lower() for each in requirements}


def test_the_lock_has_every_dependency_with_its_hashes() -> None:
    assert list_packages(PROJECT["project"]["dependencies"]) <= set(read_lock("requirements.lock"))


def test_the_lock_for_tests_has_every_dependency_of_tests() -> None:
    wanted = list_packages(PROJECT["project"]["optional-dependencies"]["test"])
    assert wanted <= set(read_lock("requirements-test.lock"))


def test_each_lock_holds_all_of_the_one_before_at_the_same_versions() -> None:
    run, postgres, test = (read_lock(file).items() for file in LOCKS)
    assert run <= postgres <= test
    assert "psycopg" in dict(postgres)


def test_the_lock_for_a_release_has_what_makes_one() -> None:
    wanted = list_packages(PROJECT["dependency-groups"]["release"])
    assert wanted <= set(read_lock(RELEASE_LOCK))


@pytest.mark.parametrize("file", [*LOCKS, RELEASE_LOCK])
def test_a_lock_names_no_registry_and_no_path(file: str) -> None:
    assert re.findall(r"https?:|file:|--\w*-?(?:index|links)\S*", (ROOT / file).read_text()) == []


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

"""Write docs/sbom.cdx.json (CycloneDX) and docs/licences.md: what a release runs on.

    python3 .ci/write_sbom.py

It installs requirements-postgres.lock, the most that a release runs on, into a folder that it
throws away, and CycloneDX's own program reads what is there. Two runs write the same.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLASSIFIER = "License :: OSI Approved :: "
# What lies in static/ is in no lock: static/vendor/README.md has its versions and licences.
VENDORED = (("htmx.org", "4.0.1", "0BSD"), ("lucide-static", "1.62.0", "ISC AND MIT"))
LICENCES_HEAD = """\
# Licences

What a release runs on, with the licence that each names. `.ci/write_sbom.py` writes this table from
`requirements-postgres.lock`, and [sbom.cdx.json](sbom.cdx.json), the same for programs that read
CycloneDX. psycopg is there only with PostgreSQL. What the tests need besides is in no release.

| package | version | licence |
|---|---|---|
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tools, installed = make_environments(Path(folder))
        bom = read_bom(tools, installed)
    tidy_up(bom)
    write(ROOT / "docs" / "sbom.cdx.json", json.dumps(bom, indent=1, ensure_ascii=False) + "\n")
    rows = [
        f"| {each['name']} | {each['version']} | {name_licence(each)} |\n"
        for each in bom["components"]
    ]
    write(ROOT / "docs" / "licences.md", LICENCES_HEAD + "".join(rows))


def make_environments(folder: Path) -> tuple[Path, Path]:
    """Make an environment with CycloneDX's program, and one with what a release runs on alone."""
    tools, installed = folder / "tools", folder / "installed"
    run(sys.executable, "-m", "venv", tools)
    run(sys.executable, "-m", "venv", "--without-pip", installed)
    pip = (tools / "bin" / "pip", "--disable-pip-version-check", "--quiet")
    hashed = ("install", "--no-deps", "--require-hashes", "-r")
    run(*pip, *hashed, ROOT / "requirements-release.lock")
    run(
        *pip, "--python", installed / "bin" / "python", *hashed, ROOT / "requirements-postgres.lock"
    )
    return tools, installed


def read_bom(tools: Path, installed: Path) -> dict[str, Any]:
    program = (tools / "bin" / "cyclonedx-py", "environment", installed / "bin" / "python")
    options = ("--output-reproducible", "--short-PURLs", "--pyproject", ROOT / "pyproject.toml")
    bom: dict[str, Any] = json.loads(run(*program, *options))
    return bom


def tidy_up(bom: dict[str, Any]) -> None:
    """Leave out the addresses of others, and add what lies in static/."""
    bom["metadata"].pop("tools", None)
    for component in (bom["metadata"]["component"], *bom["components"]):
        component.pop("externalReferences", None)
    bom["components"] += [
        {
            "bom-ref": f"{name}@{version}",
            "licenses": [{"acknowledgement": "declared", "expression": licence}],
            "name": name,
            "purl": f"pkg:npm/{name}@{version}",
            "type": "library",
            "version": version,
        }
        for name, version, licence in VENDORED
    ]
    bom["components"].sort(key=lambda component: component["name"].lower())


def name_licence(component: dict[str, Any]) -> str:
    """Name a component's licence, or all of them where it names several."""
    named = []
    for each in component["licenses"]:
        licence = each.get("license", {})
        name = each.get("expression") or licence.get("id") or licence["name"]
        named.append(name.removeprefix(CLASSIFIER))
    return ", ".join(named)


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    print(f"written: {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

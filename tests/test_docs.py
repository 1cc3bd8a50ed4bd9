"""Documents: what they link and what code cites of them is there, and their lines are short."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LONGEST_LINE = 120
# The others were written before lines had a limit.
SHORT_LINES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
CITATION = re.compile(r'docs/(\w+)\.md((?:(?:,| and)? "[^"]+")+)')


def name_document(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def list_headings(document: Path) -> set[str]:
    """List the headings of a document; of the decisions their titles, too."""
    found = re.findall(r"^#+ (.+)$|^- \*\*([^*]+)\.\*\*", document.read_text("utf-8"), re.MULTILINE)
    return {"".join(each) for each in found}


def list_citations() -> list[tuple[str, str, str]]:
    """List what code, tests and documents cite: (where, which document, which heading)."""
    found = []
    for file in [*list_python_files(), *DOCUMENTS]:
        lines = re.sub(r"^\s*#:? ", "", file.read_text("utf-8"), flags=re.MULTILINE)
        for document, headings in CITATION.findall(" ".join(lines.split())):
            named = re.findall(r'"([^"]+)"', headings)
            found += [(name_document(file), document, heading) for heading in named]
    return found


def list_python_files() -> list[Path]:
    folders = ("ppims", "customers", "limits", "tests")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_document)
def test_each_link_leads_to_a_file(document: Path) -> None:
    links = ["".join(found) for found in LINK.findall(document.read_text("utf-8"))]
    files = [link.split("#")[0] for link in links if not re.match(r"https?:|#", link)]
    assert [file for file in files if not (document.parent / file).exists()] == []


def test_each_heading_that_is_cited_is_there() -> None:
    headings = {document.stem: list_headings(document) for document in DOCUMENTS}
    citations = list_citations()
    assert citations
    assert [each for each in citations if each[2] not in headings.get(each[1], set())] == []


@pytest.mark.parametrize("document", SHORT_LINES, ids=name_document)
def test_no_line_is_longer_than_a_screen_is_wide(document: Path) -> None:
    lines = document.read_text("utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
    assert long == []


def test_code_names_no_document_that_is_not_here() -> None:
    here = {path.name for path in ROOT.rglob("*.md") if ".venv" not in path.parts}
    named = {
        (name_document(file), name)
        for file in list_python_files()
        for name in re.findall(r"\b[\w-]+\.md\b", file.read_text("utf-8"))
    }
    assert {each for each in named if each[1] not in here} == set()


# Places as docs/architecture.md names them: `db/write_lock`, `services/checks.check_limit`.
PLACE = re.compile(r"`((?:[a-z_]+/)+[a-z_]*)(?:\.(\w+))?`")
ROOMS = [ROOT, *(ROOT / package for package in ("ppims", "customers", "limits"))]


def find_place(path: str, name: str) -> bool:
    """Find a place of the map: a folder, or a module that has the name."""
    if path.endswith("/") or not name:
        named = [room / path for room in ROOMS]
        return any(place.is_dir() or place.with_suffix(".py").is_file() for place in named)
    if name in {"py", "html"}:
        return any((room / f"{path}.{name}").is_file() for room in ROOMS)
    modules = [room / f"{path}.py" for room in ROOMS]
    texts = [module.read_text("utf-8") for module in modules if module.is_file()]
    return any(re.search(rf"\b{name}\b", text) for text in texts)


def test_the_map_names_places_that_are_there() -> None:
    places = PLACE.findall((ROOT / "docs/architecture.md").read_text("utf-8"))
    assert len(places) > 40
    assert [place for place in places if not find_place(*place)] == []


def test_a_place_that_is_gone_is_noticed() -> None:
    assert find_place("db/write_lock", "")
    assert find_place("services/checks", "check_limit")
    assert not find_place("db/turn", "")
    assert not find_place("services/checks", "no_such_name")
    assert not find_place("wire/envelope", "html")

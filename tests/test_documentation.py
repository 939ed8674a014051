"""The documentation names what there is, and its tables are those of the code."""

import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from almanac import discovery
from almanac.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "serve" / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
README = PAGES[0].read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)")
MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)
EVERY_PAGE = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", discovery.names())
def test_the_readme_names_every_workload(name: str) -> None:
    assert f"`{name}`" in README


def test_the_readme_has_at_most_120_lines() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.slow
def test_the_tables_of_the_reference_are_those_of_the_code() -> None:
    page: Callable[[], str] = runpy.run_path(str(ROOT / ".github" / "scripts" / "make_reference.py"))["page"]
    assert page() == REFERENCE, "Run: .venv/bin/python .github/scripts/make_reference.py"


@pytest.mark.parametrize("name", [field.alias for field in Settings.model_fields.values()])
def test_the_reference_explains_every_variable(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| .* \| \w.*\. \|$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(MAKE.findall(README))))
def test_make_has_every_target_of_the_readme(command: str) -> None:
    listing = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"make {command} " in listing


@EVERY_PAGE
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    for place, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), place
        assert not anchor or anchor in anchors(target), f"{place}#{anchor}"


def test_the_map_of_the_rooms_names_every_package() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "almanac").glob("*/__init__.py")}
    rooms = {path.parent.name for path in (ROOT / "serve").glob("*/__init__.py")}
    assert [
        name
        for name in packages - {"scaffold"} | rooms
        if f"{name}/`" not in GLOSSARY and f"{name}/<" not in GLOSSARY
    ] == []


def test_the_glossary_explains_each_word_once() -> None:
    words = re.findall(r"^\| ([\w ,`-]+) \| [A-Z`]", GLOSSARY, re.MULTILINE)
    assert len(words) == len(set(words)) > 20

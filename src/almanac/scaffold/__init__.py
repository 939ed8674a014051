"""`almanac new`: a new workload that runs at once, made from the templates beside this module."""

import json
import re
from keyword import iskeyword
from pathlib import Path
from typing import Any

from almanac import discovery
from almanac.errors import UsageError

TEMPLATES = Path(__file__).with_name("template")
PLACEHOLDER = "new_workload"
NAME = re.compile(r"^[a-z][a-z0-9_]{1,18}$")
MARKER = re.compile(r"^# %%(?: \[(markdown)\])?(?: (parameters))?$", re.MULTILINE)


def create(home: Path, name: str) -> list[Path]:
    """Write package, notebooks and test of workload `name` below `home` and return the files.

    Raises UsageError before anything is written.
    """
    if not NAME.fullmatch(name) or iskeyword(name):
        raise UsageError(
            f"'{name}' cannot name a workload: use 2 to 19 lower-case letters, digits and underscores, "
            "a letter first, no word of Python's."
        )
    package, notebooks, test = (
        discovery.WORKLOADS / name,
        home / "notebooks" / name,
        home / "tests" / f"test_{name}.py",
    )
    for place in (package, notebooks, test):
        if place.exists():
            raise UsageError(f"{place} exists already; choose another name or remove it.")
    written = [
        _write(package / template.stem, _filled(template, name))
        for template in sorted(TEMPLATES.glob("*.py.txt"))
    ]
    templates = sorted(TEMPLATES.glob("*.ipynb.txt"))
    written += [
        _write(notebooks / template.stem, as_notebook(_filled(template, name))) for template in templates
    ]
    written.append(_write(test, _filled(TEMPLATES / "test.txt", name)))
    return written


def as_notebook(text: str) -> str:
    """Return a notebook file from a text; `# %%`, `# %% [markdown]` or `# %% parameters` begins one."""
    parts = MARKER.split(text)
    cells = [
        _cell(number, *part)
        for number, part in enumerate(zip(parts[1::3], parts[2::3], parts[3::3], strict=True), start=1)
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3 (Almanac)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return (
        json.dumps(
            {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5},
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _cell(number: int, kind: str | None, tag: str | None, body: str) -> dict[str, Any]:
    cell = {
        "id": f"cell-{number:02d}",
        "metadata": {"tags": [tag]} if tag else {},
        "source": body.strip().splitlines(keepends=True),
    }
    return (
        {"cell_type": "markdown", **cell}
        if kind
        else {"cell_type": "code", "execution_count": None, "outputs": [], **cell}
    )


def _filled(template: Path, name: str) -> str:
    return (
        template.read_text(encoding="utf-8")
        .replace(PLACEHOLDER, name)
        .replace("New workload", name.replace("_", " ").capitalize())
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

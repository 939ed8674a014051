"""`almanac new`: a new workload that runs at once, made from the templates beside this module."""

import json
import re
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any

from almanac import discovery
from almanac.errors import UsageError

TEMPLATES = Path(__file__).with_name("template")
PLACEHOLDER = "new_workload"
NAME = re.compile(r"^[a-z][a-z0-9_]{1,18}$")
BAD_NAME = (
    "'{name}' cannot name a workload: use 2 to 19 lower-case letters, digits and underscores, "
    "a letter first, no word of Python's."
)
# First parts of the server's own addresses, today's and those to come: such a workload could not be served.
RESERVED = frozenset(
    "admin alerts auth audit docs keys ledger live livez login logout metrics openapi readyz runs schedule "
    "sessions static users version workloads".split()
)
RESERVED_NAME = (
    "'{name}' cannot name a workload: the server uses this word in its own addresses. Choose another one."
)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (Almanac)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FORMAT = {"metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
CODE: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
MARKER = re.compile(r"^# %%(?: \[(markdown)\])?(?: (parameters))?$", re.MULTILINE)


def create(home: Path, name: str) -> list[Path]:
    """Write package, notebooks and test of workload `name` below `home` and return the files.

    Raises UsageError before anything is written.
    """
    if not NAME.fullmatch(name) or iskeyword(name):
        raise UsageError(BAD_NAME.format(name=name))
    if name in RESERVED:
        raise UsageError(RESERVED_NAME.format(name=name))
    package, notebooks = discovery.WORKLOADS / name, home / "notebooks" / name
    test = home / "tests" / f"test_{name}.py"
    _refuse_existing(package, notebooks, test)
    return [
        *(_write(package / path.stem, text) for path, text in _templates("*.py.txt", name)),
        *(_write(notebooks / path.stem, as_notebook(text)) for path, text in _templates("*.ipynb.txt", name)),
        *(_write(test, text) for _, text in _templates("test.txt", name)),
    ]


def as_notebook(text: str) -> str:
    """Return a notebook file from a text; `# %%`, `# %% [markdown]` or `# %% parameters` begins a cell."""
    parts = MARKER.split(text)
    pieces = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    cells = [_cell(number, *piece) for number, piece in enumerate(pieces, start=1)]
    return json.dumps({"cells": cells} | FORMAT, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, kind: str | None, tag: str | None, body: str) -> dict[str, Any]:
    cell = {
        "id": f"cell-{number:02d}",
        "metadata": {"tags": [tag]} if tag else {},
        "source": body.strip().splitlines(keepends=True),
    }
    return {"cell_type": "markdown", **cell} if kind else {**CODE, **cell}


def _templates(pattern: str, name: str) -> Iterator[tuple[Path, str]]:
    """Yield each template of a pattern with its text for workload `name`."""
    title = name.replace("_", " ").capitalize()
    for path in sorted(TEMPLATES.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        yield path, text.replace(PLACEHOLDER, name).replace("New workload", title)


def _refuse_existing(*places: Path) -> None:
    for place in places:
        if place.exists():
            raise UsageError(f"{place} exists already; choose another name or remove it.")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

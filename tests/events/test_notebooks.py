"""The notebooks of events call only what exists, so that a rename shows before a run."""

import ast
import importlib
import json
from dataclasses import fields
from pathlib import Path

import pytest

from almanac.steps import Step

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks" / "events").glob("*.ipynb"))
STEP_MEMBERS = {*dir(Step), *(field.name for field in fields(Step))}


def program(notebook: Path) -> ast.Module:
    """Return the code of a notebook."""
    cells = json.loads(notebook.read_text())["cells"]
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))


def members(module: ast.Module, name: str) -> set[str]:
    """Return the attributes of a variable that a module uses."""
    attributes = [node for node in ast.walk(module) if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if ast.unparse(node.value) == name}


def imported_names(module: ast.Module) -> list[tuple[str, str]]:
    """Return the names that a module imports from Almanac, each with where it comes from."""
    imports = [node for node in module.body if isinstance(node, ast.ImportFrom)]
    own = [(str(node.module), node.names) for node in imports if str(node.module).startswith("almanac")]
    return [(origin, alias.name) for origin, names in own for alias in names]


def resolve(origin: str, name: str) -> object:
    """Return what `from origin import name` imports: a member or a module."""
    parent = importlib.import_module(origin)
    return getattr(parent, name, None) or importlib.import_module(f"{origin}.{name}")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_members_that_a_step_has(notebook: Path) -> None:
    assert members(program(notebook), "step") - STEP_MEMBERS == set()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_members_that_its_modules_have(notebook: Path) -> None:
    code = program(notebook)
    modules = {name: resolve(origin, name) for origin, name in imported_names(code)}
    missing = {name: members(code, name) - set(dir(module)) for name, module in modules.items()}
    assert {name: names for name, names in missing.items() if names} == {}

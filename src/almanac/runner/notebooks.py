"""The notebooks of a workload: found on disk by name, their parameters read and checked before anything runs."""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almanac.errors import BadNotebook, BadParameter, UsageError
from almanac.steps import STEPS

FILE_NAME = re.compile(r"^\d_([a-z]+)\.ipynb$")
# The runner gives these to every step itself.
RESERVED = frozenset({"RUN_ID", "SLOT", "SAMPLE", "DATA_AS_OF"})


@dataclass(frozen=True)
class Notebook:
    """One step's notebook and the defaults of its parameters cell."""

    step: str
    path: Path
    defaults: Mapping[str, Any]


def find(folder: Path, workload: str) -> list[Notebook]:
    """Return the notebooks of a workload in the order of the steps; raises BadNotebook for a missing or unreadable one."""
    found = {
        match[1]: path
        for path in sorted((folder / workload).glob("*.ipynb"))
        if (match := FILE_NAME.match(path.name))
    }
    missing = [step for step in STEPS if step not in found]
    if missing:
        raise BadNotebook(
            f"'{workload}' lacks the notebooks {missing} in {folder / workload}; they are called 1_collect.ipynb to 4_predict.ipynb."
        )
    return [Notebook(step, found[step], defaults(found[step])) for step in STEPS]


def defaults(path: Path) -> dict[str, Any]:
    """Return the names and default values of a notebook's parameters cell; raises BadNotebook."""
    cell = _parameters_cell(path)
    values: dict[str, Any] = {}
    for statement in ast.parse(cell).body:
        target = (
            statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        )
        value = getattr(statement, "value", None)
        try:
            if not isinstance(target, ast.Name) or value is None:
                raise ValueError
            values[target.id] = ast.literal_eval(value)
        except ValueError:
            line = ast.unparse(statement)
            raise BadNotebook(
                f"{path.name}: the parameters cell may only assign plain values to names, found: {line}"
            ) from None
    return values


def choose(notebooks: Iterable[Notebook], *, only: str = "", start: str = "") -> list[Notebook]:
    """Return the notebooks named in `only` (comma separated) or from the step `start` on; raises UsageError."""
    known = list(notebooks)
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in [*names, *([start] if start else [])]:
        if name not in STEPS:
            raise UsageError(f"Unknown step '{name}'. Steps: {', '.join(STEPS)}.")
    if only and start:
        raise UsageError(
            "--only and --from exclude each other; --only names steps, --from continues an attempt that failed."
        )
    if start:
        return known[STEPS.index(start) :]
    return [notebook for notebook in known if not names or notebook.step in names]


def parameters(notebooks: Iterable[Notebook], given: Mapping[str, str]) -> dict[str, Any]:
    """Return `given` texts as values of the types the notebooks declare; raises BadParameter for an unknown name or a bad value."""
    declared: dict[str, Any] = {}
    for notebook in notebooks:
        declared |= dict(notebook.defaults)
    checked = {}
    for name, text in given.items():
        if name in RESERVED:
            raise BadParameter(
                f"Parameter '{name}' is set by the runner; use the options --slot, --sample and --data-as-of."
            )
        if name not in declared:
            known = ", ".join(sorted(set(declared) - RESERVED)) or "none"
            raise BadParameter(f"Unknown parameter '{name}'. The notebooks declare: {known}.")
        checked[name] = _typed(name, text, declared[name])
    return checked


def for_notebook(notebook: Notebook, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given values that this notebook declares."""
    return {name: value for name, value in given.items() if name in notebook.defaults}


def _parameters_cell(path: Path) -> str:
    notebook = _read(path)
    cells = [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if "parameters" in cell["metadata"].get("tags", [])
    ]
    if len(cells) != 1:
        raise BadNotebook(f"{path} has {len(cells)} cells tagged 'parameters'; it needs exactly one.")
    if not {"kernelspec", "language_info"} <= notebook["metadata"].keys():
        raise BadNotebook(
            f"{path} lacks kernelspec or language_info in its metadata; save it once in JupyterLab."
        )
    missing = RESERVED - {node.id for node in ast.walk(_parsed(path, cells[0])) if isinstance(node, ast.Name)}
    if missing:
        raise BadNotebook(
            f"{path}: the parameters cell lacks {sorted(missing)}, which the runner gives to every step."
        )
    return cells[0]


def _read(path: Path) -> dict[str, Any]:
    """Read a notebook as plain JSON, since a library that validates it takes seconds to load."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise ValueError(f"format {notebook['nbformat']}, needed 4")
        return {
            "metadata": dict(notebook["metadata"]),
            "cells": [{"source": cell["source"], "metadata": cell["metadata"]} for cell in notebook["cells"]],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadNotebook(
            f"{path} cannot be read as a notebook ({type(error).__name__}: {error!s:.100})."
        ) from error


def _parsed(path: Path, cell: str) -> ast.Module:
    try:
        return ast.parse(cell)
    except SyntaxError as error:
        raise BadNotebook(
            f"{path}: the parameters cell is not Python ({error.msg}, line {error.lineno})."
        ) from error


def _typed(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    try:
        value = (
            {"true": True, "false": False}[text.lower()]
            if isinstance(default, bool)
            else ast.literal_eval(text)
        )
    except (ValueError, SyntaxError, KeyError):
        value = None
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise BadParameter(
            f"Parameter '{name}' has value '{text}', which is not of type {type(default).__name__} like its default {default!r}."
        )
    return value

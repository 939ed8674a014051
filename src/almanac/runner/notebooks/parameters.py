"""The parameters cell of a notebook: its names and defaults, and texts read as values of the same types."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from almanac.errors import BadNotebook, BadParameter

# The runner sets these for every step.
RESERVED = frozenset({"RUN_ID", "SLOT", "SAMPLE", "DATA_AS_OF"})
BOOLEANS = {"true": True, "false": False}
PLAIN = (bool, int, float, str)


def defaults(path: Path) -> dict[str, Any]:
    """Return the names and default values of a notebook's parameters cell; raises BadNotebook."""
    module = _parsed(path, _parameters_cell(path))
    names = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    missing = sorted(RESERVED - names)
    if missing:
        raise BadNotebook(
            f"{path}: the parameters cell lacks {missing}, which the runner sets for every step."
        )
    return dict(_assignment(path, statement) for statement in module.body)


def check_names(defaults: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Raise BadParameter for a name that the runner sets, or that has no default."""
    for name in texts:
        if name in RESERVED:
            raise BadParameter(
                f"Parameter '{name}' is set by the runner; use the options --slot, --sample and --data-as-of."
            )
        if name not in defaults:
            declared = ", ".join(sorted(set(defaults) - RESERVED)) or "none"
            raise BadParameter(f"Unknown parameter '{name}'. The notebooks declare: {declared}.")


def typed(defaults: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return texts as values of the types of their defaults; raises BadParameter for one of another type."""
    return {name: _typed(name, text, defaults[name]) for name, text in texts.items()}


def _parameters_cell(path: Path) -> str:
    notebook = _read(path)
    cells = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    if len(cells) != 1:
        raise BadNotebook(f"{path} has {len(cells)} cells tagged 'parameters'; it needs exactly one.")
    if not {"kernelspec", "language_info"} <= notebook["metadata"].keys():
        raise BadNotebook(
            f"{path} lacks kernelspec or language_info in its metadata; save it once in JupyterLab."
        )
    return "".join(cells[0]["source"])


def _read(path: Path) -> dict[str, Any]:
    """Read a notebook as plain JSON, since a library that validates it takes seconds to load."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise ValueError(f"format {notebook['nbformat']}, needed 4")
        cells = [{"source": cell["source"], "metadata": cell["metadata"]} for cell in notebook["cells"]]
        return {"metadata": dict(notebook["metadata"]), "cells": cells}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error!s:.100}"
        raise BadNotebook(f"{path} cannot be read as a notebook ({reason}).") from error


def _parsed(path: Path, cell: str) -> ast.Module:
    try:
        return ast.parse(cell)
    except SyntaxError as error:
        reason = f"{error.msg}, line {error.lineno}"
        raise BadNotebook(f"{path}: the parameters cell is not Python ({reason}).") from error


def _assignment(path: Path, statement: ast.stmt) -> tuple[str, Any]:
    """Return name and value of an assignment of a plain value; raises BadNotebook for other statements."""
    target, value = _sides(statement)
    try:
        if not isinstance(target, ast.Name) or value is None:
            raise ValueError
        return target.id, ast.literal_eval(value)
    except ValueError:
        line = ast.unparse(statement)
        raise BadNotebook(
            f"{path.name}: the parameters cell may only assign plain values to names, found: {line}"
        ) from None


def _sides(statement: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    """Return target and value of `name = value`, with or without a type; of anything else None."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0], statement.value
    if isinstance(statement, ast.AnnAssign):
        return statement.target, statement.value
    return None, None


def _typed(name: str, text: str, default: Any) -> Any:
    """Return a text as a value of the type of its default; a default of None takes any value, or the text."""
    if default is None:
        return _literal(text, or_else=text)
    value = _value(text, default)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise BadParameter(
            f"Parameter '{name}' has value {text!r}, "
            f"which is not of type {kind} like its default {default!r}."
        )
    return value


def _value(text: str, default: Any) -> Any:
    """Return a text as a Python value, or None where it is none."""
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        return BOOLEANS.get(text.lower())
    return _literal(text, or_else=None)


def _literal(text: str, *, or_else: Any) -> Any:
    """Return the value of a literal that a notebook can be given unchanged, or `or_else` for another text."""
    try:
        value = ast.literal_eval(text.strip())
        # Of an infinite number, for example, the spelling is no literal.
        is_same = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return or_else
    return value if is_same and _is_plain(value) else or_else


def _is_plain(value: Any) -> bool:
    """Return whether the record of a run and the metadata of a notebook can hold a value."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, PLAIN)

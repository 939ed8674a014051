"""Reads the logging statements of the installed Python packages from their source code, with `ast`."""

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackagePath
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.workloads.logs.sources import statements

ORIGIN = "python"
# Packages under other licences are left out.
PERMISSIVE = re.compile(
    r"\b(?:MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|Unlicense|0BSD)\b", re.IGNORECASE
)
RESTRICTED = re.compile(r"GPL|MPL|General Public|Mozilla")
METHODS = {
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "exception": "error",
    "critical": "error",
}
CALL = re.compile(
    rb"(?:log|LOG|logger|LOGGER|logging)\.(?:debug|info|warn|warning|error|exception|critical)\("
)
CALLS = re.compile(
    rf"(?P<call>\b(?:_?log|_?LOG|_?logger|_?LOGGER|logging)\.(?P<method>{'|'.join(METHODS)})\()"
)
CLOSING = re.compile(r"\)")
MOST_BRACKETS = 12
LONGEST_LICENCE = 200
GAP = "{}"

Statement = tuple[str, str]


def fetch() -> pd.DataFrame:
    """Return the statements of every installed package with a permissive licence.

    A statement of several packages belongs to the first of them by name.
    """
    owners: dict[Statement, str] = {}
    for name, package in sorted(_permissive().items(), reverse=True):
        owners.update(dict.fromkeys(of_package(package), name))
    levels, texts = [level for level, _ in owners], [text for _, text in owners]
    table = statements.table(owners.values(), levels, texts)
    return statements.make([table], origin=ORIGIN)


def is_permissive(package: Distribution) -> bool:
    """Return whether a package's metadata names a permissive licence and no other."""
    licences = _licences(package.metadata)
    return bool(PERMISSIVE.search(licences)) and not RESTRICTED.search(licences)


def of_package(package: Distribution) -> Iterator[Statement]:
    """Yield level and text of the logging statements of a package, without its tests."""
    for path in package.files or []:
        if path.suffix == ".py" and "test" not in str(path).lower():
            content = _content(path)
            if CALL.search(content):
                yield from of_source(content)


def of_source(content: bytes) -> Iterator[Statement]:
    """Yield level and text of the logging statements of a module; what is not Python has none.

    Only the calls themselves are parsed, which takes a tenth of the time of parsing whole modules.

    >>> list(of_source(b'log.warning("disk %s is full", name); log.info(f"{n} jobs")'))
    [('warning', 'disk %s is full'), ('info', '{} jobs')]
    """
    text = content.decode("utf-8", errors="replace")
    for match in CALLS.finditer(text):
        if _is_commented(text, match.start()):
            continue
        call = _call(text, match)
        message = _text(call.args[0]) if call and call.args else ""
        if message.strip(" {}%s"):
            yield METHODS[match["method"]], message


def _permissive() -> dict[str, Distribution]:
    """Return the installed packages with a permissive licence, by name."""
    installed = importlib.metadata.distributions()
    return {str(each.metadata["Name"]): each for each in installed if is_permissive(each)}


def _licences(metadata: Any) -> str:
    """Return everything that a package's metadata says about its licence."""
    classifiers = metadata.get_all("Classifier") or []
    named = [metadata.get("License-Expression") or "", (metadata.get("License") or "")[:LONGEST_LICENCE]]
    return " ".join(named + [each for each in classifiers if each.startswith("License")])


def _content(path: PackagePath) -> bytes:
    """Return the content of a file, nothing where it cannot be read."""
    try:
        return Path(path.locate()).read_bytes()
    except OSError:
        return b""


def _is_commented(text: str, place: int) -> bool:
    begin = text.rfind("\n", 0, place) + 1
    return "#" in text[begin:place]


def _call(text: str, match: re.Match[str]) -> ast.Call | None:
    """Parse the call that begins at a match, up to the first closing bracket that makes it complete."""
    begin = match.start("call")
    for closing in islice(CLOSING.finditer(text, match.end()), MOST_BRACKETS):
        try:
            expression = ast.parse(text[begin : closing.end()], mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            continue
        return expression if isinstance(expression, ast.Call) else None
    return None


def _text(value: ast.expr) -> str:
    """Return the constant words of an expression, with a gap for what varies."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Mod()):
            return _text(left)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.Call(func=ast.Attribute(value=text, attr="format")):
            return _text(text)
    return GAP

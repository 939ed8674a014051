"""Detects the format of a log file from its beginning."""

import json
from collections.abc import Sequence

from almanac.errors import UsageError
from almanac.workloads.logs.formats import layouts
from almanac.workloads.logs.formats.layouts import Layout

HEAD_LENGTH = 65_536
LINES = 200
JSON_LINES = 20
# A layout is chosen from this share of the lines on; lines of a stack trace do not count.
LEAST_SHARE = 0.3
FORMATS = (
    "jsonl",
    "loghub_csv",
    "hdfs_parquet",
    *dict.fromkeys(layout.format for layout in layouts.LAYOUTS),
    "plain",
)


def detect(head: str) -> str:
    """Return one of FORMATS for a file that begins with this text; `plain` where nothing fits."""
    lines = lines_of(head)
    if lines and lines[0].startswith("LineId,") and "Content" in lines[0]:
        return "loghub_csv"
    if _are_objects(lines[:JSON_LINES]):
        return "jsonl"
    layout = _fitting(lines)
    return layout.format if layout else "plain"


def check_format(form: str) -> None:
    """Raise UsageError for an unknown format; an empty one is detected later."""
    if form and form not in FORMATS:
        formats = ", ".join(FORMATS)
        raise UsageError(f"Unknown log format '{form}'. Known: {formats}.")


def lines_of(head: str) -> list[str]:
    """Return the first lines that are not blank."""
    lines = head[:HEAD_LENGTH].split("\n")
    return [line for line in lines if line.strip()][:LINES]


def layout_of(head: str, form: str) -> Layout:
    """Return the layout of a format which fits these first lines best; its first one where none does."""
    of_format = [layout for layout in layouts.LAYOUTS if layout.format == form]
    lines = lines_of(head)
    return max(of_format, key=lambda layout: layout.count(lines))


def _fitting(lines: Sequence[str]) -> Layout | None:
    layout, count = layouts.choose(lines)
    entries = [line for line in lines if not line.startswith((" ", "\t"))]
    return layout if count >= LEAST_SHARE * len(entries) else None


def _are_objects(lines: Sequence[str]) -> bool:
    return sum(_is_object(line) for line in lines) > len(lines) / 2


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False

"""Tells the format of a log file from its beginning."""

import json

from almanac.workloads.logs.formats import layouts
from almanac.workloads.logs.shared.cleaning import decoded

HEAD_BYTES = 65_536
LINES = 200
# Of the lines that do not look like further lines of a stack trace.
LEAST_SHARE = 0.3
FORMATS = (
    "jsonl",
    "loghub_csv",
    "hdfs_parquet",
    *dict.fromkeys(layout.format for layout in layouts.LAYOUTS),
    "plain",
)


def detect(head: bytes) -> str:
    """Return one of FORMATS for a file that begins with these bytes; `plain` where nothing fits."""
    if head.startswith(b"PAR1"):
        return "hdfs_parquet"
    lines = lines_of(head)
    if lines and lines[0].startswith("LineId,") and "Content" in lines[0]:
        return "loghub_csv"
    if sum(_is_object(line) for line in lines[:20]) > len(lines[:20]) / 2:
        return "jsonl"
    layout, count = layouts.choose(lines)
    return (
        layout.format
        if layout and count >= LEAST_SHARE * sum(not line.startswith((" ", "\t")) for line in lines)
        else "plain"
    )


def lines_of(head: bytes) -> list[str]:
    """Return the first lines that are not blank."""
    return [line for line in decoded(head[:HEAD_BYTES]).split("\n") if line.strip()][:LINES]


def layout_of(head: bytes, form: str) -> layouts.Layout:
    """Return the layout of that format which fits these first lines best; its first one where none does."""
    own = [layout for layout in layouts.LAYOUTS if layout.format == form]
    lines = lines_of(head)
    return max(own, key=lambda layout: sum(bool(layout.head.match(line)) for line in lines))


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False

"""Reads line formats: each entry begins with a head, and what belongs to it follows on later lines."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats import entries
from almanac.workloads.logs.formats.entries import Given, Parsed
from almanac.workloads.logs.formats.layouts import Layout
from almanac.workloads.logs.shared.cleaning import CUT, decoded
from almanac.workloads.logs.shared.limits import LONGEST_TEXT

# What the further lines of a stack trace look like in Java, Python and JavaScript.
BELONGS = re.compile(
    r"[ \t]|$|at |Caused by|Suppressed|\.\.\. \d+ more|Traceback|During handling of|The above exception|[)}\]]+;?$"
    r"|[\w.$]+(?:Exception|Error|Throwable|Warning|Exit|Interrupt)\b"
)
LOGGER_BEHIND = r"^(?P<text>.*) \((?P<logger>[A-Za-z0-9_.$]+)\)$"
MOST_CARRIED = 1 << 20

Places = npt.NDArray[np.int64]


def parse(blocks: Iterable[bytes], layout: Layout, given: Given) -> Iterator[Parsed]:
    """Yield the entries of a file that is read in blocks; a head that a block cuts off waits for the next one."""
    rest, place = "", 1
    for block in blocks:
        whole, rest = _cut(rest + decoded(block), layout)
        if whole:
            parsed = _entries(whole, place, layout, given)
            place += parsed.lines
            yield parsed
    if rest:
        yield _entries(rest, place, layout, given)


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks that end with a line; a line longer than MOST_CARRIED is cut in two."""
    rest = b""
    for block in gathered(blocks):
        joined = rest + block
        end = joined.rfind(b"\n") + 1 or (len(joined) if len(joined) > MOST_CARRIED else 0)
        rest = joined[end:]
        if end:
            yield joined[:end]
    if rest:
        yield rest


def gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small blocks, for example the lines of an open file, to ones worth working on at once."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= MOST_CARRIED:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _cut(text: str, layout: Layout) -> tuple[str, str]:
    """Cut a text before its last head, so that what follows that head can still come."""
    at = len(text)
    while at > 0 and len(text) - at < MOST_CARRIED:
        at = text.rfind("\n", 0, at - 1) + 1
        if layout.head.match(text, at):
            return text[:at], text[at:]
        if at == 0:
            return "", text
    return text, ""


def _entries(text: str, place: int, layout: Layout, given: Given) -> Parsed:
    parts = layout.border.split("\n" + text.removesuffix("\n"))
    width = len(layout.columns) + 1
    bodies = pa.array(parts[width::width], pa.large_string())
    before = parts[0].count("\n")
    ends = pc.count_substring(bodies, "\n").to_numpy()
    places = place + before + np.arange(len(bodies)) + np.cumsum(ends) - ends
    columns: dict[str, Any] = {
        name: parts[number::width] for number, name in enumerate(layout.columns, start=1)
    }
    columns |= {"event_time": layout.times(columns["event_time"], given.year), "place": places}
    if layout.levels:
        columns["level"] = layout.levels(columns["level"])
    bodies, strays = _folded(bodies, places, ends)
    if layout.logger_behind:
        columns |= _logger_behind(bodies)
    made = entries.table(len(bodies), {"text": bodies} | columns, given)
    strays = _stray_lines(parts[0], place - 1) + strays
    raw = entries.raw_entries([at for at, _ in strays], [line for _, line in strays], given)
    return Parsed(entries.in_order(made, raw), before + len(bodies) + int(ends.sum()), len(strays))


def _logger_behind(bodies: pa.Array) -> dict[str, pa.Array]:
    found = pc.extract_regex(bodies, pattern=LOGGER_BEHIND)
    return {
        "text": pc.coalesce(pc.struct_field(found, "text"), bodies),
        "logger": pc.struct_field(found, "logger"),
    }


def _folded(bodies: pa.Array, places: Places, ends: Places) -> tuple[pa.Array, list[tuple[int, str]]]:
    """Keep below each entry the lines that belong to it; return the others with their places."""
    special = (ends > 0) | (pc.binary_length(bodies).to_numpy() > LONGEST_TEXT)
    at = np.flatnonzero(special)
    if not len(at):
        return bodies, []
    strays: list[tuple[int, str]] = []
    kept = []
    for body, place in zip(bodies.take(pa.array(at)).to_pylist(), places[at].tolist(), strict=True):
        text, others = _unfolded(body, place)
        kept.append(text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(CUT)] + CUT)
        strays += others
    return pc.replace_with_mask(bodies, pa.array(special), pa.array(kept, pa.large_string())), strays


def _unfolded(body: str, place: int) -> tuple[str, list[tuple[int, str]]]:
    first, *more = body.split("\n")
    belonging = [bool(BELONGS.match(line)) for line in more]
    if all(belonging):
        return body, []
    strays = [
        (place + number, line[:LONGEST_TEXT])
        for number, (line, fits) in enumerate(zip(more, belonging, strict=True), start=1)
        if not fits
    ]
    return "\n".join([first, *(line for line, fits in zip(more, belonging, strict=True) if fits)]).rstrip(
        "\n"
    ), strays


def _stray_lines(text: str, place: int) -> list[tuple[int, str]]:
    return (
        [
            (place + number, line[:LONGEST_TEXT])
            for number, line in enumerate(text.split("\n"))
            if line.strip()
        ]
        if text
        else []
    )

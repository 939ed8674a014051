"""Reads line formats: each entry begins with a head, and more lines may belong to it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats import chunks, entries
from almanac.workloads.logs.formats.entries import Defaults, Line, Parsed
from almanac.workloads.logs.formats.layouts import Layout
from almanac.workloads.logs.shared.cleaning import bounded
from almanac.workloads.logs.shared.limits import LONGEST_TEXT
from almanac.workloads.logs.terms import arrays

# Lines that continue a stack trace in Java, Python and JavaScript.
CONTINUES = re.compile(
    r"[ \t]|$|at |Caused by|Suppressed|\.\.\. \d+ more|Traceback|During handling of|The above exception"
    r"|[)}\]]+;?$|[\w.$]+(?:Exception|Error|Throwable|Warning|Exit|Interrupt)\b"
)
LOGGER_BEHIND = r"^(?P<text>.*) \((?P<logger>[A-Za-z0-9_.$]+)\)$"

Numbers = npt.NDArray[np.int64]


class _Split(NamedTuple):
    """A text split at its heads.

    `before` are the lines before the first head, `columns` the groups of the heads, `texts` what follows
    each. `places` are the numbers of the lines of heads, `breaks` the line ends within each text.
    """

    before: str
    columns: dict[str, Any]
    texts: pa.Array
    places: Numbers
    breaks: Numbers

    @property
    def lines(self) -> int:
        """The number of lines."""
        in_entries = len(self.texts) + int(self.breaks.sum())
        return self.before.count("\n") + in_entries


def parse(blocks: Iterable[str], layout: Layout, defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries of a file in blocks; the last entry of a block waits for the next block."""
    rest, place = "", 1
    for block in blocks:
        complete, rest = _cut(rest + block, layout)
        if complete:
            parsed = _parsed(complete, place, layout, defaults)
            place += parsed.lines
            yield parsed
    if rest:
        yield _parsed(rest, place, layout, defaults)


def _cut(text: str, layout: Layout) -> tuple[str, str]:
    """Cut a text before its last head, so that lines of the last entry can still come."""
    place = len(text)
    while place > 0 and len(text) - place < chunks.MOST_CARRIED:
        place = text.rfind("\n", 0, place - 1) + 1
        if layout.head.match(text, place):
            return text[:place], text[place:]
        if place == 0:
            return "", text
    return text, ""


def _parsed(text: str, place: int, layout: Layout, defaults: Defaults) -> Parsed:
    split = _split(text, place, layout)
    texts, strays = _fold(split)
    complete = entries.table(len(texts), _columns(split, texts, layout, defaults.year), defaults)
    strays = _lines_before(split.before, place - 1) + strays
    raw = entries.raw_entries(strays, defaults)
    return Parsed(entries.in_order(complete, raw), split.lines, len(strays))


def _columns(split: _Split, texts: pa.Array, layout: Layout, year: int) -> dict[str, Any]:
    columns = split.columns | {"place": split.places, "text": texts}
    columns["event_time"] = layout.times(columns["event_time"], year)
    if layout.levels:
        columns["level"] = layout.levels(columns["level"])
    return columns | _logger_behind(texts) if layout.logger_behind else columns


def _split(text: str, place: int, layout: Layout) -> _Split:
    parts = layout.border.split("\n" + text.removesuffix("\n"))
    width = len(layout.columns) + 1
    columns = {name: parts[number::width] for number, name in enumerate(layout.columns, start=1)}
    texts = arrays.texts(parts[width::width])
    breaks = pc.count_substring(texts, "\n").to_numpy()
    first = place + parts[0].count("\n")
    return _Split(parts[0], columns, texts, first + _offsets(breaks), breaks)


def _offsets(breaks: Numbers) -> Numbers:
    """Return the lines between the first head and each head, given the line ends within texts."""
    lines_before = np.cumsum(breaks) - breaks
    return np.arange(len(breaks)) + lines_before


def _logger_behind(texts: pa.Array) -> dict[str, pa.Array]:
    groups = pc.extract_regex(texts, pattern=LOGGER_BEHIND)
    without_logger = pc.struct_field(groups, "text")
    return {"text": pc.coalesce(without_logger, texts), "logger": pc.struct_field(groups, "logger")}


def _fold(split: _Split) -> tuple[pa.Array, list[Line]]:
    """Return the texts with the lines that belong to them, and the other lines.

    Only texts that have several lines or are long are looked at one by one.
    """
    is_long = pc.binary_length(split.texts).to_numpy() > LONGEST_TEXT
    needs_work = (split.breaks > 0) | is_long
    if not needs_work.any():
        return split.texts, []
    chosen = split.texts.filter(pa.array(needs_work)).to_pylist()
    folded, strays = _fold_each(chosen, split.places[needs_work].tolist())
    texts = pc.replace_with_mask(split.texts, pa.array(needs_work), arrays.texts(folded))
    return texts, strays


def _fold_each(texts: list[str], places: list[int]) -> tuple[list[str], list[Line]]:
    folded: list[str] = []
    strays: list[Line] = []
    for text, place in zip(texts, places, strict=True):
        whole, others = _fold_one(text, place)
        folded.append(bounded(whole))
        strays += others
    return folded, strays


def _fold_one(text: str, place: int) -> tuple[str, list[Line]]:
    """Return a text with the lines that continue it, and its other lines with their places."""
    first, *more = text.split("\n")
    own, strays = [first], []
    for number, line in enumerate(more, start=place + 1):
        if CONTINUES.match(line):
            own.append(line)
        else:
            strays.append((number, line[:LONGEST_TEXT]))
    return "\n".join(own).rstrip("\n") if strays else text, strays


def _lines_before(text: str, place: int) -> list[Line]:
    """Return the lines before the first head that are not blank."""
    lines = enumerate(text.split("\n"), start=place)
    return [(number, line[:LONGEST_TEXT]) for number, line in lines if line.strip()]

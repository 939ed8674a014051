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
from almanac.workloads.logs.shared.cleaning import bounded, decoded
from almanac.workloads.logs.shared.limits import LONGEST_TEXT

# Lines that continue a stack trace in Java, Python and JavaScript.
CONTINUES = re.compile(
    r"[ \t]|$|at |Caused by|Suppressed|\.\.\. \d+ more|Traceback|During handling of|The above exception|[)}\]]+;?$"
    r"|[\w.$]+(?:Exception|Error|Throwable|Warning|Exit|Interrupt)\b"
)
LOGGER_BEHIND = r"^(?P<text>.*) \((?P<logger>[A-Za-z0-9_.$]+)\)$"

Numbers = npt.NDArray[np.int64]


class _Split(NamedTuple):
    """A text split at its heads: the lines before the first one, a column per group of the head, and the texts after heads.

    `places` are the numbers of the lines of heads, `breaks` the line ends within each text.
    """

    before: str
    columns: dict[str, Any]
    texts: pa.Array
    places: Numbers
    breaks: Numbers

    @property
    def lines(self) -> int:
        """The number of lines."""
        return self.before.count("\n") + len(self.texts) + int(self.breaks.sum())


def parse(blocks: Iterable[bytes], layout: Layout, defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries of a file that is read in blocks; the last entry of a block waits for the next block."""
    rest, place = "", 1
    for block in blocks:
        complete, rest = _cut(rest + decoded(block), layout)
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
    columns = split.columns | {
        "event_time": layout.times(split.columns["event_time"], defaults.year),
        "place": split.places,
        "text": texts,
    }
    if layout.levels:
        columns["level"] = layout.levels(columns["level"])
    if layout.logger_behind:
        columns |= _logger_behind(texts)
    strays = _lines_before(split.before, place - 1) + strays
    raw = entries.raw_entries(strays, defaults)
    complete = entries.table(len(texts), columns, defaults)
    return Parsed(entries.in_order(complete, raw), split.lines, len(strays))


def _split(text: str, place: int, layout: Layout) -> _Split:
    parts = layout.border.split("\n" + text.removesuffix("\n"))
    width = len(layout.columns) + 1
    columns = {name: parts[number::width] for number, name in enumerate(layout.columns, start=1)}
    texts = pa.array(parts[width::width], pa.large_string())
    breaks = pc.count_substring(texts, "\n").to_numpy()
    first = place + parts[0].count("\n")
    places = first + np.arange(len(texts)) + np.cumsum(breaks) - breaks
    return _Split(parts[0], columns, texts, places, breaks)


def _logger_behind(texts: pa.Array) -> dict[str, pa.Array]:
    groups = pc.extract_regex(texts, pattern=LOGGER_BEHIND)
    without_logger = pc.struct_field(groups, "text")
    return {"text": pc.coalesce(without_logger, texts), "logger": pc.struct_field(groups, "logger")}


def _fold(split: _Split) -> tuple[pa.Array, list[Line]]:
    """Return the texts with the lines that belong to them, and the other lines; only texts that need it are looked at."""
    is_long = pc.binary_length(split.texts).to_numpy() > LONGEST_TEXT
    needs_work = (split.breaks > 0) | is_long
    rows = np.flatnonzero(needs_work)
    if not len(rows):
        return split.texts, []
    strays: list[Line] = []
    folded = []
    chosen = split.texts.take(pa.array(rows)).to_pylist()
    for text, place in zip(chosen, split.places[rows].tolist(), strict=True):
        whole, others = _fold_one(text, place)
        folded.append(bounded(whole))
        strays += others
    texts = pa.array(folded, pa.large_string())
    return pc.replace_with_mask(split.texts, pa.array(needs_work), texts), strays


def _fold_one(text: str, place: int) -> tuple[str, list[Line]]:
    """Return a text with the lines that continue it, and its other lines with their places."""
    first, *more = text.split("\n")
    continues = [bool(CONTINUES.match(line)) for line in more]
    if all(continues):
        return text, []
    lines = list(zip(more, continues, strict=True))
    own = [line for line, fits in lines if fits]
    strays = [
        (number, line[:LONGEST_TEXT])
        for number, (line, fits) in enumerate(lines, start=place + 1)
        if not fits
    ]
    return "\n".join([first, *own]).rstrip("\n"), strays


def _lines_before(text: str, place: int) -> list[Line]:
    """Return the lines before the first head that are not blank."""
    lines = enumerate(text.split("\n"), start=place)
    return [(number, line[:LONGEST_TEXT]) for number, line in lines if line.strip()]

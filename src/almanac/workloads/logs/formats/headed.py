"""Reads line formats: each entry begins with a head, and more lines may belong to it.

One layout splits a block at once, which is fast. Every line that it leaves is tried with the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats import chunks, detection, entries, layouts, object_lines
from almanac.workloads.logs.formats.columns import extra_table, layout_table
from almanac.workloads.logs.formats.entries import Defaults, Parsed
from almanac.workloads.logs.formats.folding import Folder, Rest
from almanac.workloads.logs.formats.layouts import Layout
from almanac.workloads.logs.shared.cleaning import bounded
from almanac.workloads.logs.shared.limits import LONGEST_TEXT
from almanac.workloads.logs.terms import arrays

Numbers = npt.NDArray[np.int64]


class _Split(NamedTuple):
    """A text split at its heads.

    It begins with the line `place`. `before` are the lines before the first head, `columns` the groups of
    the heads, `texts` what follows each. `places` are the numbers of the lines of heads, `breaks` the line
    ends within each text.
    """

    place: int
    before: str
    columns: dict[str, Any]
    texts: pa.Array
    places: Numbers
    breaks: Numbers


@dataclass
class _Reader:
    """The layouts of one file: the one that splits, and those that are tried on the lines it leaves."""

    main: Layout
    folder: Folder
    defaults: Defaults


def parse(blocks: Iterable[str], form: str, defaults: Defaults) -> Iterator[Parsed]:
    """Yield the entries of a file in blocks; the last entry of a block waits for the next block.

    Only layouts of the format `form` are tried where it names one, else all.
    """
    of_format = [layout for layout in layouts.LAYOUTS if layout.format == form] or list(layouts.LAYOUTS)
    reader: _Reader | None = None
    rest, place = "", 1
    for block in blocks:
        if reader is None:
            main, _ = layouts.choose(detection.sample(block), of_format)
            reader = _Reader(main or of_format[0], Folder(of_format), defaults)
        complete, rest = _cut(rest + block, reader)
        if complete:
            yield _parsed(complete, place, reader)
            place += complete.count("\n")
    if rest and reader:
        yield _parsed(rest, place, reader)


def _cut(text: str, reader: _Reader) -> tuple[str, str]:
    """Cut a text before its last head, so that lines of the last entry can still come."""
    place = len(text)
    while place > 0 and len(text) - place < chunks.MOST_CARRIED:
        place = text.rfind("\n", 0, place - 1) + 1
        if reader.main.head.match(text, place) or reader.folder.is_head(text, place):
            return text[:place], text[place:]
        if place == 0:
            return "", text
    end = text.rfind("\n") + 1
    return text[:end], text[end:]


def _parsed(text: str, place: int, reader: _Reader) -> Parsed:
    split = _split(text, place, reader.main)
    rest = Rest()
    texts = _fold(split, reader, rest)
    columns = split.columns | {"place": split.places}
    parts = [layout_table(reader.main, columns, texts, reader.defaults)]
    parts += [extra_table(layout, extras, reader.defaults) for layout, extras in rest.extras.items()]
    parts.append(object_lines.of_lines(rest, reader.defaults))
    raw = entries.raw_entries(rest.strays, reader.defaults)
    lines = text.count("\n") + (not text.endswith("\n"))
    return Parsed(entries.in_order(*parts, raw), lines, len(rest.strays))


def _split(text: str, place: int, layout: Layout) -> _Split:
    parts = layout.border.split("\n" + text.removesuffix("\n"))
    width = len(layout.columns) + 1
    columns = {name: parts[number::width] for number, name in enumerate(layout.columns, start=1)}
    texts = arrays.texts(parts[width::width])
    breaks = pc.count_substring(texts, "\n").to_numpy()
    first = place + parts[0].count("\n")
    return _Split(place, parts[0], columns, texts, first + _offsets(breaks + layout.head_breaks), breaks)


def _offsets(breaks: Numbers) -> Numbers:
    """Return the lines between the first head and each head, given the line ends within entries."""
    lines_before = np.cumsum(breaks) - breaks
    return np.arange(len(breaks)) + lines_before


def _fold(split: _Split, reader: _Reader, rest: Rest) -> pa.Array:
    """Return the texts with the lines that belong to them; the other lines go to `rest`.

    Only texts that have several lines or are long are looked at one by one.
    """
    if split.before.strip():
        reader.folder.fold(None, split.before.removeprefix("\n"), split.place, rest)
    is_long = pc.binary_length(split.texts).to_numpy() > LONGEST_TEXT
    needs_work = (split.breaks > 0) | is_long
    if not needs_work.any():
        return split.texts
    chosen = split.texts.filter(pa.array(needs_work)).to_pylist()
    places = (split.places[needs_work] + reader.main.head_breaks).tolist()
    folded = [_fold_one(text, place, reader, rest) for text, place in zip(chosen, places, strict=True)]
    return pc.replace_with_mask(split.texts, pa.array(needs_work), arrays.texts(folded))


def _fold_one(text: str, place: int, reader: _Reader, rest: Rest) -> str:
    first, _, more = text.partition("\n")
    return bounded(reader.folder.fold(first, more, place + 1, rest))

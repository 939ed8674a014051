"""Reads a file without a known format: each line is one raw entry."""

from collections.abc import Iterable, Iterator

from almanac.workloads.logs.formats.entries import Defaults, Parsed, raw_entries
from almanac.workloads.logs.shared.cleaning import clean


def parse(blocks: Iterable[str], defaults: Defaults) -> Iterator[Parsed]:
    """Yield every line that is not blank as a raw entry."""
    place = 1
    for block in blocks:
        lines = block.removesuffix("\n").split("\n")
        texts = [(number, clean(line)) for number, line in enumerate(lines, start=place) if line.strip()]
        place += len(lines)
        yield Parsed(raw_entries(texts, defaults), len(lines), len(texts))

"""Keeps the lines of a file that nobody understands, each as one raw entry."""

from collections.abc import Iterable, Iterator

from almanac.workloads.logs.formats import entries
from almanac.workloads.logs.formats.entries import Given, Parsed
from almanac.workloads.logs.formats.headed import whole_lines
from almanac.workloads.logs.shared.cleaning import clean, decoded


def parse(blocks: Iterable[bytes], given: Given) -> Iterator[Parsed]:
    """Yield every line that is not blank as a raw entry."""
    place = 1
    for block in whole_lines(blocks):
        lines = decoded(block).removesuffix("\n").split("\n")
        found = [(place + number, clean(line)) for number, line in enumerate(lines) if line.strip()]
        made = entries.raw_entries([at for at, _ in found], [line for _, line in found], given)
        place += len(lines)
        yield Parsed(made, len(lines), len(found))

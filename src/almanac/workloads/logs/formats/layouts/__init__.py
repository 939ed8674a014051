"""The line formats: what begins an entry, and which part of it says what."""

from collections.abc import Sequence
from typing import Final

from almanac.workloads.logs.formats.layouts import loghub, programs, servers, syslogs
from almanac.workloads.logs.formats.layouts.layout import Layout, start_of

__all__ = ["LAYOUTS", "Layout", "choose", "start_of"]

LAYOUTS: Final = (
    *loghub.LAYOUTS,
    *servers.LAYOUTS,
    *programs.FIRST,
    *syslogs.LAYOUTS,
    *programs.LAST,
)


def choose(lines: Sequence[str], layouts: Sequence[Layout] = LAYOUTS) -> tuple[Layout | None, int]:
    """Return the layout that is the first to fit most lines, and how many; None where none fits.

    A line may be followed by the next one, because some heads take two.
    """
    counts: dict[Layout, int] = {}
    for line in lines:
        start = start_of(line)
        fitting = (layout for layout in layouts if start in layout.starts and layout.head.match(line))
        layout = next(fitting, None)
        if layout:
            counts[layout] = counts.get(layout, 0) + 1
    best = max(counts, key=lambda layout: counts[layout], default=None)
    return (best, counts[best]) if best else (None, 0)

"""Charts as SVG: sparkline and strip of runs; colours are classes of the style sheet, words say the same."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

WIDTH, HEIGHT, MARGIN = 120, 28, 3
BAR, GAP = 6, 2
SPARK = Markup(
    '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><polyline points="{}"/>'
    '<circle cx="{}" cy="{}" r="2.5"/></svg>'
)
STRIP = Markup(
    '<svg class="strip" viewBox="0 0 {} 20" width="{}" height="20" role="img" aria-label="{}">{}</svg>'
)
TICK = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}</title></rect>')
LINES = Markup(
    '<svg class="lines" viewBox="0 0 660 180" role="img" aria-label="{}">'
    '<path class="grid" d="M50 15h600M50 165h600"/>{}'
    '<text x="44" y="19" text-anchor="end">{}</text><text x="44" y="169" text-anchor="end">0</text></svg>'
)
HEIGHTS = {"succeeded": 16, "failed": 8, "running": 12}


def sparkline(values: Sequence[float], label: str) -> Markup:
    """Return a small line through `values` in their order; fewer than two are no line."""
    if len(values) < 2:
        return Markup("")
    points = list(zip(_spread(len(values)), _heights(values), strict=True))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return SPARK.format(WIDTH, HEIGHT, label, path, f"{x:.1f}", f"{y:.1f}")


def strip(runs: Iterable[tuple[str, str]], label: str) -> Markup:
    """Return one bar for each run: its status, which height and colour show, and its words."""
    bars = list(runs)
    width = max(len(bars) * (BAR + GAP), BAR)
    ticks = [
        TICK.format(status, place * (BAR + GAP), 18 - HEIGHTS[status], BAR, HEIGHTS[status], words)
        for place, (status, words) in enumerate(bars)
    ]
    return STRIP.format(width, width, label, Markup("").join(ticks))


def bar(shares: Sequence[tuple[str, float, str]], label: str) -> Markup:
    """Return one bar in parts: class, share of the whole, and text of each part."""
    parts, left = [], 0.0
    for kind, share, text in shares:
        parts.append(_part(kind, left, share * 100, text))
        left += share * 100
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(label, Markup("").join(parts))


def lines(series: Sequence[tuple[str, Sequence[float]]], label: str) -> Markup:
    """Return lines on one scale from 0: class and values of each; fewer than two values are no line."""
    length = max((len(values) for _, values in series), default=0)
    most = max((value for _, values in series for value in values), default=0.0)
    if length < 2 or most <= 0:
        return Markup("")
    paths = Markup("").join(_line(kind, values, most) for kind, values in series)
    return LINES.format(label, paths, f"{most:.3g}")


def trend(values: Sequence[float]) -> str:
    """Return in words how a series went."""
    if len(values) < 2:
        return "one value"
    rises = sum(after > before for before, after in pairwise(values))
    return f"from {values[0]:.4g} to {values[-1]:.4g}, {rises} of {len(values) - 1} steps up"


def _line(kind: str, values: Sequence[float], most: float) -> Markup:
    step = 600 / (len(values) - 1)
    points = [f"{50 + place * step:.1f},{165 - value / most * 150:.1f}" for place, value in enumerate(values)]
    return Markup('<polyline class="{}" points="{}"/>').format(kind, " ".join(points))


def _part(kind: str, left: float, width: float, text: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"><title>{}</title></rect>').format(
        kind, f"{left:.2f}", f"{width:.2f}", escape(text)
    )


def _spread(count: int) -> list[float]:
    step = (WIDTH - 2 * MARGIN) / (count - 1)
    return [MARGIN + place * step for place in range(count)]


def _heights(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    span = high - low
    room = HEIGHT - 2 * MARGIN
    return [HEIGHT / 2 if span == 0 else HEIGHT - MARGIN - (value - low) / span * room for value in values]

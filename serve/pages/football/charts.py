"""Charts of football: the chances of a match as one bar, and calibration with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from serve.pages import charts, words

PICKED = {
    "home": "home win",
    "draw": "draw",
    "away": "away win",
    "home_or_draw": "home or draw",
    "home_or_away": "home or away",
    "draw_or_away": "draw or away",
}
SIZE, LEFT, BOTTOM = 320, 44, 34
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
FRAME = Markup(
    '<svg class="calibration" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
    '{grid}<line class="ideal" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>{points}'
    '<text x="{middle}" y="{bottom}" text-anchor="middle">promised chance</text>'
    '<text x="12" y="{half}" text-anchor="middle" transform="rotate(-90 12 {half})">came true</text></svg>'
)
LINE = Markup(
    '<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/><text x="{}" y="{}" text-anchor="{}">{}</text>'
)
POINT = Markup(
    '<g><title>{}</title><line class="whisker" x1="{}" y1="{}" x2="{}" y2="{}"/>'
    '<circle cx="{}" cy="{}" r="{}"/></g>'
)
LABEL = "Calibration: for each band of confidence, the promised chance against the share that came true"


def chances(match: Mapping[str, Any]) -> Markup:
    """Return the chances of home win, draw and away win as one bar."""
    home, draw, away = match["home_win"], match["draw"], match["away_win"]
    label = f"home {words.percent(home)}, draw {words.percent(draw)}, away {words.percent(away)}"
    parts = [("one", home, "home"), ("two", draw, "draw"), ("three", away, "away")]
    return charts.bar([(kind, share, f"{word} {words.percent(share)}") for kind, share, word in parts], label)


def calibration(bands: Sequence[Mapping[str, Any]]) -> Markup:
    """Return promised against actual shares, each with its 95 % interval; the diagonal is perfect."""
    measured = [band for band in bands if band["hit_rate"] is not None and band["promised"] is not None]
    if not measured:
        return Markup("")
    return FRAME.format(
        width=SIZE + LEFT + 24,
        height=SIZE + BOTTOM + 10,
        label=LABEL,
        grid=Markup("").join(map(_grid, TICKS)),
        points=Markup("").join(map(_point, measured)),
        x0=_x(0),
        y0=_y(0),
        x1=_x(1),
        y1=_y(1),
        middle=_x(0.5),
        bottom=SIZE + BOTTOM + 6,
        half=_y(0.5),
    )


def _point(band: Mapping[str, Any]) -> Markup:
    x, y = _x(band["promised"]), _y(band["hit_rate"])
    low, high = _y(band["hit_rate_low"] or 0), _y(band["hit_rate_high"] or 1)
    promised, actual = words.percent(band["promised"], 1), words.percent(band["hit_rate"], 1)
    radius = 3 + min(5, band["picks"] ** 0.5 / 12)
    return POINT.format(
        f"promised {promised}, came true {actual}, n {band['picks']}", x, low, x, high, x, y, f"{radius:.1f}"
    )


def _grid(share: float) -> Markup:
    text = words.percent(share)
    across = LINE.format(_x(0), _y(share), _x(1), _y(share), LEFT - 6, _y(share) + 4, "end", text)
    up = LINE.format(_x(share), _y(0), _x(share), _y(1), _x(share), _y(0) + 16, "middle", text)
    return across + up


def _x(share: float) -> float:
    return round(LEFT + share * SIZE, 1)


def _y(share: float) -> float:
    return round(5 + SIZE - share * SIZE, 1)

"""The figure of the coming matches."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from almanac.drawing import INK, canvas
from almanac.judging.scores import Floats
from almanac.workloads.football.contract import CHANCE_COLUMNS
from almanac.workloads.football.plots.colours import OUTCOME_COLOURS

MOST_MATCHES = 24
LEAST_LABELLED = 0.10


def coming(predictions: pd.DataFrame) -> Figure:
    """Show the chances of home, draw and away of the next matches, at most 24."""
    matches = predictions.sort_values(["date", "league"], kind="stable").head(MOST_MATCHES)
    # The first match is at the top, where the last row of a horizontal bar chart is.
    rows = matches.iloc[::-1].reset_index(drop=True)
    title = _title(len(rows), len(predictions))
    figure, axes = canvas(title, width=10, height=1.2 + 0.31 * len(rows))
    _draw_chances(axes, rows)
    axes.set_yticks(rows.index, [_label(match) for match in rows.itertuples()])
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    return figure


def _title(drawn: int, total: int) -> str:
    matches = f"The next {drawn} of {total} matches" if drawn < total else f"{total} coming matches"
    return f"{matches}: home, draw, away"


def _label(match: Any) -> str:
    return f"{pd.Timestamp(match.date):%d %b}  {match.home} – {match.away}"


def _draw_chances(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a bar for each match with a part for each outcome."""
    left = np.zeros(len(rows))
    for outcome, column in CHANCE_COLUMNS.items():
        widths = rows[column].to_numpy(dtype=np.float64)
        colour = OUTCOME_COLOURS[outcome]
        axes.barh(rows.index, widths, left=left, color=colour, height=0.78, edgecolor="white", linewidth=1.2)
        _write_percentages(axes, left, widths, INK if outcome == "draw" else "white")
        left += widths


def _write_percentages(axes: Axes, left: Floats, widths: Floats, colour: str) -> None:
    for row, (start, width) in enumerate(zip(left, widths, strict=True)):
        if width >= LEAST_LABELLED:
            middle = start + width / 2
            axes.text(middle, row, f"{width:.0%}", ha="center", va="center", fontsize=8, color=colour)

"""The plots of the logs notebooks: frame in, figure out."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.workloads.logs.contract import LEVELS

COLOURS = {"debug": "#a9b0bb", "info": "#5f93b8", "warning": "#d9a441", "error": "#b5473c"}
ANOMALY = "#7a3b8a"
MOST_EVENTS = 24
LONGEST_LABEL = 70
BINS = 80
DARK_SHARE = 0.6


def statements(frame: pd.DataFrame) -> Figure:
    """Show how many statements of each level every origin has."""
    counts = frame.pivot_table(
        index="origin", columns="level", values="text", aggfunc="count", fill_value=0
    ).reindex(columns=list(LEVELS), fill_value=0)
    title = f"{len(frame):,} statements by origin and level"
    figure, axes = canvas(title, width=9, height=1.2 + 0.5 * len(counts))
    left = np.zeros(len(counts))
    for level in LEVELS:
        axes.barh(counts.index, counts[level], left=left, color=COLOURS[level], label=level)
        left += counts[level].to_numpy(dtype=np.float64)
    axes.legend(frameon=False, ncols=4, loc="lower right", fontsize=8)
    return figure


def confusion(by_name: Mapping[str, pd.DataFrame]) -> Figure:
    """Show for each name how often a level (row) was taken for another (column)."""
    size = (1 + 3.2 * len(by_name), 3.4)
    figure, grid = plt.subplots(1, len(by_name), figsize=size, layout="constrained", squeeze=False)
    for axes, (name, shares) in zip(grid[0], by_name.items(), strict=True):
        style(axes, name)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for place, share in np.ndenumerate(shares.to_numpy()):
            _write_share(axes, place, share)
        axes.set_xticks(range(len(LEVELS)), LEVELS, rotation=30)
        axes.set_yticks(range(len(LEVELS)), LEVELS)
    return figure


def reliability(table: pd.DataFrame) -> Figure:
    """Show promised chance of "warning or worse" against what happened, with 95 % intervals."""
    figure, axes = canvas("When it says so, is it so? (warning or worse)", width=5.2, height=4.6)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=2)
    ends = np.vstack([table["happened"] - table["low"], table["high"] - table["happened"]])
    look: dict[str, Any] = {"fmt": "o", "color": COLOURS["info"], "capsize": 2, "markersize": 5}
    axes.errorbar(table["promised"], table["happened"], yerr=np.clip(ends, 0, 1), **look)
    axes.set_xlabel("promised")
    axes.set_ylabel("happened")
    return figure


def lesson(figures: Mapping[str, float]) -> Figure:
    """Show scores by the way the data was split: a random split promises more than the others hold."""
    names = list(figures)[::-1]
    figure, axes = canvas("The same data, split in different ways", width=8, height=1.2 + 0.45 * len(names))
    colours = [QUIET if "random" in name else COLOURS["info"] for name in names]
    axes.barh(names, [figures[name] for name in names], color=colours, height=0.6)
    for place, name in enumerate(names):
        axes.text(figures[name] + 0.01, place, f"{figures[name]:.3f}", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, 1.12)
    return figure


def anatomy(events: pd.DataFrame) -> Figure:
    """Show the events of one session in time; the rarer an event among sessions, the darker."""
    rows = events.head(MOST_EVENTS).iloc[::-1].reset_index(drop=True)
    title = "An abnormal session; dark: few sessions have this"
    figure, axes = canvas(title, width=10, height=1.2 + 0.28 * len(rows))
    look: dict[str, Any] = {
        "cmap": "Purples",
        "vmin": -0.3,
        "vmax": 1,
        "s": 60,
        "edgecolor": INK,
        "linewidth": 0.5,
    }
    axes.scatter(rows["seconds"], rows.index, c=1 - rows["share"], **look)
    axes.set_yticks(rows.index, [_label(*event) for event in zip(rows["text"], rows["share"], strict=True)])
    axes.set_xlabel("seconds after the first event")
    return figure


def volume(predictions: pd.DataFrame) -> Figure:
    """Show entries by level, and anomalies, over event time; each year has a panel of its own."""
    years = dict(iter(predictions.groupby(predictions["event_time"].dt.year)))
    size = (10, 2.6 * len(years))
    figure, grid = plt.subplots(len(years), 1, figsize=size, layout="constrained", squeeze=False)
    for axes, (year, entries) in zip(grid[:, 0], years.items(), strict=True):
        _draw_year(axes, int(year), entries)
    return figure


def _write_share(axes: Axes, place: tuple[int, ...], share: float) -> None:
    row, column = place
    colour = "white" if share > DARK_SHARE else INK
    axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=colour)


def _label(text: str, share: float) -> str:
    return f"{text[:LONGEST_LABEL]}  ({share:.1%})"


def _draw_year(axes: Axes, year: int, entries: pd.DataFrame) -> None:
    times = entries["event_time"].dt.tz_localize(None)
    odd = times[entries["anomaly"]]
    style(axes, f"{len(entries):,} entries of {year}: level by colour, {len(odd):,} anomalies as marks")
    by_level = [times[entries["level"] == level] for level in LEVELS]
    if len(entries):
        axes.hist(by_level, bins=BINS, stacked=True, color=[COLOURS[level] for level in LEVELS])
    axes.plot(odd, np.full(len(odd), 0.5), "|", color=ANOMALY, markersize=9, alpha=0.5)
    axes.set_yscale("symlog")

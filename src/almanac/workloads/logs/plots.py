"""The pictures of the logs notebooks: frame in, figure out."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.workloads.logs.contract import LEVELS

COLOURS = {"debug": "#a9b0bb", "info": "#5f93b8", "warning": "#d9a441", "error": "#b5473c"}
ANOMALY = "#7a3b8a"
MOST_EVENTS = 24
LONGEST_LABEL = 70
BINS = 80


def statements(frame: pd.DataFrame) -> Figure:
    """Show how many statements of each level every origin has."""
    counts = frame.pivot_table(
        index="origin", columns="level", values="text", aggfunc="count", fill_value=0
    ).reindex(columns=list(LEVELS), fill_value=0)
    figure, axes = canvas(
        f"{len(frame):,} statements by origin and level", width=9, height=1.2 + 0.5 * len(counts)
    )
    left = np.zeros(len(counts))
    for level in LEVELS:
        axes.barh(counts.index, counts[level], left=left, color=COLOURS[level], label=level)
        left += counts[level].to_numpy(dtype=np.float64)
    axes.legend(frameon=False, ncols=4, loc="lower right", fontsize=8)
    return figure


def confusion(by_name: Mapping[str, pd.DataFrame]) -> Figure:
    """Show for each name how often a level (row) was taken for another (column)."""
    figure, places = plt.subplots(
        1, len(by_name), figsize=(1 + 3.2 * len(by_name), 3.4), layout="constrained", squeeze=False
    )
    for axes, (name, shares) in zip(places[0], by_name.items(), strict=True):
        style(axes, name)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares.to_numpy()):
            axes.text(
                column,
                row,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share > 0.6 else INK,
            )
        axes.set_xticks(range(len(LEVELS)), LEVELS, rotation=30)
        axes.set_yticks(range(len(LEVELS)), LEVELS)
    return figure


def reliability(table: pd.DataFrame) -> Figure:
    """Show promised chance of "warning or worse" against what happened, with 95 % intervals."""
    figure, axes = canvas("When it says so, is it so? (warning or worse)", width=5.2, height=4.6)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=2)
    ends = np.vstack([table["happened"] - table["low"], table["high"] - table["happened"]])
    axes.errorbar(
        table["promised"],
        table["happened"],
        yerr=np.clip(ends, 0, 1),
        fmt="o",
        color=COLOURS["info"],
        capsize=2,
        markersize=5,
    )
    axes.set_xlabel("promised")
    axes.set_ylabel("happened")
    return figure


def lesson(figures: Mapping[str, float]) -> Figure:
    """Show scores by how the data was split: what a random split pretends, and what is left of it."""
    figure, axes = canvas("The same data, split in different ways", width=8, height=1.2 + 0.45 * len(figures))
    names = list(figures)[::-1]
    axes.barh(
        names,
        [figures[name] for name in names],
        color=[QUIET if "random" in name else COLOURS["info"] for name in names],
        height=0.6,
    )
    for place, name in enumerate(names):
        axes.text(figures[name] + 0.01, place, f"{figures[name]:.3f}", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, 1.12)
    return figure


def anatomy(events: pd.DataFrame) -> Figure:
    """Show the events of one session in time; the rarer an event among sessions, the darker."""
    rows = events.head(MOST_EVENTS).iloc[::-1].reset_index(drop=True)
    figure, axes = canvas(
        "An abnormal session; dark: few sessions have this", width=10, height=1.2 + 0.28 * len(rows)
    )
    axes.scatter(
        rows["seconds"],
        rows.index,
        c=1 - rows["share"],
        cmap="Purples",
        vmin=-0.3,
        vmax=1,
        s=60,
        edgecolor=INK,
        linewidth=0.5,
    )
    axes.set_yticks(
        rows.index,
        [
            f"{text[:LONGEST_LABEL]}  ({share:.1%})"
            for text, share in zip(rows["text"], rows["share"], strict=True)
        ],
    )
    axes.set_xlabel("seconds after the first event")
    return figure


def volume(predictions: pd.DataFrame) -> Figure:
    """Show entries by level, and anomalies, over event time; sources that lie years apart get a picture each."""
    spans = dict(iter(predictions.groupby(predictions["event_time"].dt.year)))
    figure, places = plt.subplots(
        len(spans), 1, figsize=(10, 2.6 * len(spans)), layout="constrained", squeeze=False
    )
    for axes, (year, part) in zip(places[:, 0], spans.items(), strict=True):
        style(
            axes,
            f"{len(part):,} entries of {year}: level by colour, {int(part['anomaly'].sum()):,} anomalies as marks",
        )
        moments = [part.loc[part["level"] == level, "event_time"].dt.tz_localize(None) for level in LEVELS]
        if len(part):
            axes.hist(moments, bins=BINS, stacked=True, color=[COLOURS[level] for level in LEVELS])
        odd = part.loc[part["anomaly"], "event_time"].dt.tz_localize(None)
        axes.plot(odd, np.full(len(odd), 0.5), "|", color=ANOMALY, markersize=9, alpha=0.5)
        axes.set_yscale("symlog")
    return figure

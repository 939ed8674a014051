"""The pictures of the events notebooks: frame in, figure out."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.judging.scores import Floats
from almanac.workloads.events.evaluation import Case, Outcome
from almanac.workloads.events.replays.hindsight import Point

COLOURS = {
    "policy": "#2f5d8a",
    "T": "#c9773b",
    "T count": "#d8a878",
    "table": "#5f93b8",
    "timer": "#4f8f6b",
    "rate": "#7a6a9b",
    "polling": "#8a8f98",
}
SHOWN = ["polling", "timer", "T", "policy"]
MINUTES_SHOWN = 60
MOST_MISSED_SHOWN = 0.12


def arrivals(traffic: pd.DataFrame) -> Figure:
    """Show how many events and how many kB come in through time."""
    seconds = (traffic["arrived_at"] - traffic["arrived_at"].min()).dt.total_seconds().to_numpy()
    edges = np.linspace(0, max(seconds.max(), 1.0), 121)
    width = edges[1] - edges[0]
    figure, panels = plt.subplots(2, 1, figsize=(10, 4.6), sharex=True, layout="constrained")
    for axes, weights, title in zip(
        panels, (None, traffic["kb"]), ("events per second", "kB per second"), strict=True
    ):
        amounts = np.histogram(seconds, bins=edges, weights=weights)[0] / width
        axes.fill_between(
            edges[:-1] / 60, amounts, step="post", color=COLOURS["policy"], alpha=0.85, linewidth=0
        )
        style(axes, title)
    panels[1].set_xlabel("minutes")
    return figure


def seconds(batches: pd.DataFrame, told: Mapping[str, Floats]) -> Figure:
    """Show predicted against actual seconds of the same batches for several models."""
    figure, panels = plt.subplots(
        1,
        len(told),
        figsize=(3.1 * len(told), 3.4),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    top = float(batches["seconds"].max())
    for axes, (name, each) in zip(panels[0], told.items(), strict=True):
        axes.plot([0, top], [0, top], color=FAINT, linewidth=1.5, zorder=0)
        axes.plot(
            each[:, 0],
            batches["seconds"],
            "o",
            color=COLOURS["policy"],
            markersize=2.5,
            alpha=0.4,
            markeredgewidth=0,
        )
        style(axes, name.replace("_", " "))
        axes.set_xlabel("predicted seconds")
    panels[0][0].set_ylabel("actual seconds")
    return figure


def by_size(sizes: pd.DataFrame) -> Figure:
    """Show cost and misses of fixed sizes; `sizes` as of `evaluation.by_size`."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axes, column, title in zip(
        panels, ("cost_per_event", "missed_share"), ("cost per event", "share of misses"), strict=True
    ):
        axes.plot(sizes["size"], sizes[column], "o-", color=COLOURS["policy"], markersize=4, linewidth=1.6)
        axes.set_xscale("log")
        axes.set_xticks([1, 2, 5, 10, 20, 50, 100, 200], ["1", "2", "5", "10", "20", "50", "100", "200"])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        style(axes, f"{title} by fixed batch size, on the same traffic")
        axes.set_xlabel("events in a batch")
    return figure


def through_time(case: Case, outcomes: Mapping[str, Outcome]) -> Figure:
    """Show cost per event and the 95th percentile of latency through the replayed time for some contenders."""
    begun, ended = case.later.arrivals[[0, -1]]
    edges = np.linspace(begun, ended + 1e-6, MINUTES_SHOWN + 1)
    figure, panels = plt.subplots(2, 1, figsize=(10, 5.4), sharex=True, layout="constrained")
    for name in SHOWN:
        replay, minutes = outcomes[name].replay, (edges[:-1] - begun) / 60
        events = np.maximum(np.histogram(case.later.arrivals, bins=edges)[0], 1)
        costs = (
            np.histogram(np.minimum(replay.starts, ended), bins=edges, weights=replay.costs(case.prices))[0]
            / events
        )
        late = _quantiles(case.later.arrivals, replay.latencies, edges)
        panels[0].plot(minutes, costs, color=COLOURS[name], linewidth=1.4, label=name)
        panels[1].plot(minutes, late, color=COLOURS[name], linewidth=1.4)
    panels[1].axhline(case.goal.objective_seconds, color=INK, linewidth=0.8)
    style(panels[0], "Cost per event through the replay")
    style(panels[1], "95th percentile of finished minus arrived, seconds; the line is the objective")
    panels[0].legend(frameon=False, ncols=len(SHOWN), fontsize=9)
    panels[1].set_xlabel("minutes")
    return figure


def frontier(points: Sequence[Point], standings: pd.DataFrame) -> Figure:
    """Show what cost can be had at best for each share of misses, and where the contenders are."""
    figure, axes = canvas("Cost below the line cannot be had, whatever one knows", width=8, height=4.6)
    known = sorted(
        (point for point in points if point.missed_share <= MOST_MISSED_SHOWN),
        key=lambda point: point.missed_share,
    )
    axes.plot(
        [point.missed_share for point in known],
        [point.cost_per_event for point in known],
        color=INK,
        linewidth=1.6,
    )
    near = standings[
        (standings["missed_share"] <= MOST_MISSED_SHOWN) & standings["contender"].isin(list(COLOURS))
    ]
    for name, missed, cost in zip(
        near["contender"], near["missed_share"], near["cost_per_event"], strict=True
    ):
        axes.plot(missed, cost, "o", color=COLOURS[name], markersize=8)
        # The policy is near T; their names are kept apart.
        axes.annotate(
            name,
            (missed, cost),
            xytext=(7, -9 if name == "policy" else 3),
            textcoords="offset points",
            fontsize=9,
            color=INK,
        )
    axes.set_xlabel("share of events later than the objective")
    axes.set_ylabel("cost per event")
    return figure


def heat_map(policy: pd.DataFrame) -> Figure:
    """Show, by backlog and average size, the age at which the oldest starts and what an event is expected to cost."""
    young = policy[policy["age_min_seconds"] == 0]
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for axes, column, norm in zip(
        panels, ("start_age_seconds", "expected_cost_per_event"), (None, LogNorm()), strict=True
    ):
        grid = young.pivot_table(index="kb_min", columns="backlog_min", values=column)
        shown = axes.pcolormesh(
            np.arange(grid.shape[1] + 1), np.arange(grid.shape[0] + 1), grid, cmap="cividis", norm=norm
        )
        ticks = np.linspace(0, grid.shape[1] - 1, 8).astype(int)
        axes.set_xticks(ticks + 0.5, [str(grid.columns[at]) for at in ticks])
        rows = np.linspace(0, grid.shape[0] - 1, 6).astype(int)
        axes.set_yticks(rows + 0.5, [f"{grid.index[at]:.1f}" for at in rows])
        style(axes, "expected cost per event" if norm else "age at which the oldest starts, s")
        axes.set_xlabel("events that wait")
        figure.colorbar(shown, ax=axes, format="%.3g")
    panels[0].set_ylabel("average size, kB")
    return figure


def rhythm(rows: pd.DataFrame) -> Figure:
    """Show what later starts gain right after an event, by the second of a cycle where there is one; `rows` as of `rhythm.learn`, not empty."""
    figure, axes = canvas(
        "Seconds gained by a later start right after an event; a batch saved counts as the objective",
        width=10,
        height=3.6,
    )
    fresh = rows[rows["quiet_min_seconds"] == 0].sort_values("phase_min")
    gains = np.array(fresh["gained_seconds"].tolist())
    later = np.arange(gains.shape[1]) * float(fresh["step_seconds"].iloc[0])
    if len(fresh) == 1:
        axes.plot(later, gains[0], color=COLOURS["policy"], linewidth=1.6)
        axes.set_xlabel("start so many seconds later")
        return figure
    shown = axes.pcolormesh(
        np.append(fresh["phase_min"], fresh["phase_max"].max()),
        later,
        gains[:, 1:].T,
        cmap="cividis",
        shading="flat",
    )
    axes.set_xlabel("second of the cycle")
    axes.set_ylabel("start so many seconds later")
    figure.colorbar(shown, ax=axes)
    return figure


def scoreboard(board: pd.DataFrame) -> Figure:
    """Show predicted and actual seconds and cost per batch, window by window."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for axes, what in zip(panels, ("seconds", "cost"), strict=True):
        for kind, colour in (("predicted", QUIET), ("actual", COLOURS["policy"])):
            axes.plot(
                np.arange(len(board)),
                board[f"{kind}_{what}"],
                "o-",
                color=colour,
                markersize=4,
                linewidth=1.4,
                label=kind,
            )
        axes.set_ylim(bottom=0)
        style(axes, f"Mean {what} of a batch, by window")
        if board.empty:
            axes.set(xticks=[], yticks=[])
            axes.text(
                0.5,
                0.5,
                "no window of batches that a policy sized yet",
                transform=axes.transAxes,
                ha="center",
                color=QUIET,
            )
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def _quantiles(arrivals: Floats, latencies: Floats, edges: Floats) -> list[float]:
    parts = np.split(latencies, np.searchsorted(arrivals, edges[1:-1]))
    return [float(np.quantile(part, 0.95)) if len(part) else float("nan") for part in parts]

"""The plots of the events notebooks: frame in, figure out."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.replays.competition import Case, Result
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.replay import Replay

COLOURS = {
    "policy": "#2f5d8a",
    "T": "#c9773b",
    "T count": "#d8a878",
    "table": "#5f93b8",
    "timer": "#4f8f6b",
    "rate": "#7a6a9b",
    "polling": "#8a8f98",
}
COMPARED = ["polling", "timer", "T", "policy"]
BINS = 120
MINUTES = 60
SIZE_TICKS = [1, 2, 5, 10, 20, 50, 100, 200]
MOST_MISSED = 0.12
AREA: dict[str, Any] = {"color": COLOURS["policy"], "alpha": 0.85, "linewidth": 0}
DOTS: dict[str, Any] = {"color": COLOURS["policy"], "markersize": 2.5, "alpha": 0.4, "markeredgewidth": 0}
WINDOW_DOTS: dict[str, Any] = {"markersize": 4, "linewidth": 1.4}
RHYTHM_TITLE = "Seconds gained by a later start right after an event; a batch saved counts as the objective"


def arrivals(traffic: pd.DataFrame) -> Figure:
    """Show how many events and how many kB arrive through time."""
    first = traffic["arrived_at"].min()
    seconds = (traffic["arrived_at"] - first).dt.total_seconds().to_numpy()
    edges = np.linspace(0, max(seconds.max(), 1.0), BINS + 1)
    figure, (events, kb) = plt.subplots(2, 1, figsize=(10, 4.6), sharex=True, layout="constrained")
    _rate(events, seconds, edges, None)
    _rate(kb, seconds, edges, traffic["kb"])
    style(events, "events per second")
    style(kb, "kB per second")
    kb.set_xlabel("minutes")
    return figure


def seconds(batches: pd.DataFrame, predicted: Mapping[str, Floats]) -> Figure:
    """Show predicted against actual seconds of the same batches for several models."""
    size = (3.1 * len(predicted), 3.4)
    figure, grid = plt.subplots(
        1, len(predicted), figsize=size, sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for axes, (name, columns) in zip(grid[0], predicted.items(), strict=True):
        _predicted_against_actual(axes, columns[:, 0], batches["seconds"])
        style(axes, name.replace("_", " "))
        axes.set_xlabel("predicted seconds")
    grid[0][0].set_ylabel("actual seconds")
    return figure


def by_size(sizes: pd.DataFrame) -> Figure:
    """Show cost and misses of fixed sizes; `sizes` are those of `competition.by_size`."""
    figure, (cost, misses) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    _by_size(cost, sizes["size"], sizes["cost_per_event"])
    _by_size(misses, sizes["size"], sizes["missed_share"])
    style(cost, "cost per event by fixed batch size, on the same traffic")
    style(misses, "share of misses by fixed batch size, on the same traffic")
    return figure


def through_time(case: Case, results: Mapping[str, Result]) -> Figure:
    """Show cost per event and the 95th percentile of latency of some contenders through the replay."""
    figure, (cost, latency) = plt.subplots(2, 1, figsize=(10, 5.4), sharex=True, layout="constrained")
    for name in COMPARED:
        lines = _lines_through_time(case, results[name].replay)
        cost.plot(lines["cost"], color=COLOURS[name], linewidth=1.4, label=name)
        latency.plot(lines["latency"], color=COLOURS[name], linewidth=1.4)
    latency.axhline(case.goal.objective_seconds, color=INK, linewidth=0.8)
    style(cost, "Cost per event through the replay")
    style(latency, "95th percentile of finished minus arrived, seconds; the line is the objective")
    cost.legend(frameon=False, ncols=len(COMPARED), fontsize=9)
    latency.set_xlabel("minutes")
    return figure


def frontier(points: Sequence[Point], contenders: pd.DataFrame) -> Figure:
    """Show the least possible cost for each share of misses, and where the contenders are."""
    figure, axes = canvas("Cost below the line cannot be had, whatever one knows", width=8, height=4.6)
    _line(axes, points)
    near = contenders[contenders["missed_share"] <= MOST_MISSED].set_index("contender")
    for name in near.index.intersection(list(COLOURS), sort=False):
        missed, cost = near.loc[name, ["missed_share", "cost_per_event"]]
        _mark(axes, name, (float(missed), float(cost)))
    axes.set_xlabel("share of events later than the objective")
    axes.set_ylabel("cost per event")
    return figure


def heat_map(policy: pd.DataFrame) -> Figure:
    """Show start age of the oldest event and expected cost per event, by backlog and average size."""
    young = policy[policy["age_min_seconds"] == 0]
    figure, (start, cost) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    _map(figure, start, young, "start_age_seconds", None)
    _map(figure, cost, young, "expected_cost_per_event", LogNorm())
    style(start, "age at which the oldest starts, s")
    style(cost, "expected cost per event")
    start.set_ylabel("average size, kB")
    return figure


def rhythm(rows: pd.DataFrame) -> Figure:
    """Show the gain of later starts right after an event, by the second of a cycle where there is one.

    `rows` are those of `rhythm_learning.learn`, not empty.
    """
    figure, axes = canvas(RHYTHM_TITLE, width=10, height=3.6)
    fresh = rows[rows["quiet_min_seconds"] == 0].sort_values("phase_min")
    if len(fresh) == 1:
        _curve(axes, fresh)
    else:
        _cycle(figure, axes, fresh)
    return figure


def scoreboard(windows: pd.DataFrame) -> Figure:
    """Show predicted and actual seconds and cost per batch, window by window."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for axes, measure in zip(panels, ("seconds", "cost"), strict=True):
        _windows(axes, windows[f"predicted_{measure}"], "predicted", QUIET)
        _windows(axes, windows[f"actual_{measure}"], "actual", COLOURS["policy"])
        axes.set_ylim(bottom=0)
        style(axes, f"Mean {measure} of a batch, by window")
        if windows.empty:
            _say_empty(axes, "no window of batches that a policy sized yet")
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def _by_size(axes: Axes, sizes: pd.Series, values: pd.Series) -> None:
    """Draw values by batch size, on a logarithmic axis."""
    axes.plot(sizes, values, "o-", color=COLOURS["policy"], markersize=4, linewidth=1.6)
    axes.set_xscale("log")
    axes.set_xticks(SIZE_TICKS, [str(tick) for tick in SIZE_TICKS])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("events in a batch")


def _lines_through_time(case: Case, replay: Replay) -> pd.DataFrame:
    """Return cost per event and 95th percentile of latency, by the minutes since the first arrival."""
    arrivals = case.later.arrivals
    edges = np.linspace(arrivals[0], arrivals[-1] + 1e-6, MINUTES + 1)
    minutes = (edges[:-1] - arrivals[0]) / 60
    latency = _quantiles(arrivals, replay.latencies, edges)
    return pd.DataFrame({"cost": _cost_per_event(replay, case, edges), "latency": latency}, index=minutes)


def _line(axes: Axes, points: Sequence[Point]) -> None:
    """Draw the frontier of hindsight."""
    near = [point for point in points if point.missed_share <= MOST_MISSED]
    line = sorted(near, key=lambda point: point.missed_share)
    missed = [point.missed_share for point in line]
    axes.plot(missed, [point.cost_per_event for point in line], color=INK, linewidth=1.6)


def _gains(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the seconds ahead of each start, and the gains, shape (rows, starts)."""
    gains = np.array(rows["gained_seconds"].tolist(), dtype=np.float64)
    later = np.arange(gains.shape[1], dtype=np.float64) * float(rows["step_seconds"].iloc[0])
    return later, gains


def _curve(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the gains of a rhythm without a cycle."""
    later, gains = _gains(rows)
    axes.plot(later, gains[0], color=COLOURS["policy"], linewidth=1.6)
    axes.set_xlabel("start so many seconds later")


def _cycle(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the gains by the second of the cycle."""
    later, gains = _gains(rows)
    edges = np.append(rows["phase_min"], rows["phase_max"].max())
    mesh = axes.pcolormesh(edges, later, gains[:, 1:].T, cmap="cividis", shading="flat")
    axes.set_xlabel("second of the cycle")
    axes.set_ylabel("start so many seconds later")
    figure.colorbar(mesh, ax=axes)


def _windows(axes: Axes, values: pd.Series, label: str, colour: str) -> None:
    axes.plot(np.arange(len(values)), values, "o-", color=colour, label=label, **WINDOW_DOTS)


def _rate(axes: Axes, seconds: Floats, edges: Floats, weights: pd.Series | None) -> None:
    """Fill the area below the amount per second."""
    rate = np.histogram(seconds, bins=edges, weights=weights)[0] / (edges[1] - edges[0])
    axes.fill_between(edges[:-1] / 60, rate, step="post", **AREA)


def _predicted_against_actual(axes: Axes, predicted: Floats, actual: pd.Series) -> None:
    top = float(actual.max())
    axes.plot([0, top], [0, top], color=FAINT, linewidth=1.5, zorder=0)
    axes.plot(predicted, actual, "o", **DOTS)


def _mark(axes: Axes, name: str, place: tuple[float, float]) -> None:
    """Mark a contender with its name; the policy is near T, so its name stands below."""
    axes.plot(*place, "o", color=COLOURS[name], markersize=8)
    offset = (7, -9 if name == "policy" else 3)
    axes.annotate(name, place, xytext=offset, textcoords="offset points", fontsize=9, color=INK)


def _map(figure: Figure, axes: Axes, states: pd.DataFrame, column: str, norm: Normalize | None) -> None:
    """Draw a column by backlog and average size."""
    grid = states.pivot_table(index="kb_min", columns="backlog_min", values=column)
    rows, columns = grid.shape
    x_edges, y_edges = np.arange(columns + 1), np.arange(rows + 1)
    mesh = axes.pcolormesh(x_edges, y_edges, grid, cmap="cividis", norm=norm)
    _set_ticks(axes.xaxis, [str(backlog) for backlog in grid.columns], 8)
    _set_ticks(axes.yaxis, [f"{kb:.1f}" for kb in grid.index], 6)
    axes.set_xlabel("events that wait")
    figure.colorbar(mesh, ax=axes, format="%.3g")


def _set_ticks(axis: Axis, labels: Sequence[str], number: int) -> None:
    """Label so many of the cells of an axis, in their middles."""
    cells = np.linspace(0, len(labels) - 1, number).astype(int).tolist()
    axis.set_ticks([cell + 0.5 for cell in cells], labels=[labels[cell] for cell in cells])


def _say_empty(axes: Axes, text: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=QUIET)


def _cost_per_event(replay: Replay, case: Case, edges: Floats) -> Floats:
    """Return the cost of the batches that start in each interval, by the events that arrive in it."""
    events = np.maximum(np.histogram(case.later.arrivals, bins=edges)[0], 1)
    starts = np.minimum(replay.starts, case.later.arrivals[-1])
    costs: Floats = np.histogram(starts, bins=edges, weights=replay.costs(case.prices))[0] / events
    return costs


def _quantiles(arrivals: Floats, latencies: Floats, edges: Floats) -> list[float]:
    """Return the 95th percentile of latency of the events that arrive in each interval."""
    parts = np.split(latencies, np.searchsorted(arrivals, edges[1:-1]))
    return [_p95(part) for part in parts]


def _p95(latencies: Floats) -> float:
    return float(np.quantile(latencies, 0.95)) if len(latencies) else float("nan")

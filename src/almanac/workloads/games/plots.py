"""The plots of the games notebooks: frame in, figure out."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.judging.scores import Interval, bootstrap_interval
from almanac.workloads.games.evaluation import PlayerScores

COLOURS = ["#2f5d8a", "#5f93b8", "#7a6a9b", "#4f8f6b", "#c9773b", "#b8a15f", "#a9b0bb"]
BLUE = COLOURS[0]
FIRST_YEAR = 1980
MOST_YEARS = 30
MOST_GENRES = 6
BUCKETS = 20


def genres_by_year(games: pd.DataFrame) -> Figure:
    """Plot how many games of each first genre came out in each year; `games` as in the contract."""
    counts = _genre_counts(games)
    figure, axes = canvas(f"{len(games):,} games by year and first genre", width=10, height=4)
    names = counts.columns.tolist()
    axes.stackplot(counts.index, counts.T.to_numpy(), labels=names, colors=COLOURS[: len(names)])
    axes.legend(loc="upper left", frameon=False, fontsize=9, reverse=True)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _genre_counts(games: pd.DataFrame) -> pd.DataFrame:
    """Return the number of games by year (a row) and first genre (a column, the most frequent first)."""
    years = pd.to_datetime(games["released"]).dt.year
    genres, order = _frequent_genres(games)
    counts = pd.crosstab(years, genres)
    recent = counts[counts.index >= max(FIRST_YEAR, years.max() - MOST_YEARS)]
    return recent[[name for name in order if name in recent]]


def _frequent_genres(games: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Return the first genre of each game, rare ones as "others", and the genres, the most frequent first."""
    genres = games["genres"].str.split(";").str[0].replace("", "none")
    frequent = genres.value_counts().index[:MOST_GENRES].tolist()
    return genres.where(genres.isin(frequent), "others"), [*frequent, "others"]


def candidates(scores: Mapping[str, PlayerScores], *, seed: int) -> Figure:
    """Plot NDCG@10 of each candidate on the same held-out plays with 95 % intervals; the best in blue."""
    spans = {name: bootstrap_interval(each.ndcg, seed=seed) for name, each in scores.items()}
    players = max(len(each.ndcg) for each in scores.values())
    figure, axes = _interval_axes(f"Candidates on the held-out plays of {players:,} players", spans)
    *others, best = _worst_first(spans)
    for row, name in enumerate(others):
        _plot_interval(axes, row, spans[name], QUIET)
    _plot_interval(axes, len(others), spans[best], BLUE)
    labels = [name.replace("_", " ") for name in (*others, best)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("NDCG@10, 95 % interval (right is better)")
    return figure


def intervals(spans: Mapping[str, Interval], metric: str, cases: int) -> Figure:
    """Plot the mean score of each model with its 95 % interval; a number is the number of a version."""
    figure, axes = _interval_axes(f"{metric} on {cases:,} cases", spans)
    for row, name in enumerate(_worst_first(spans)):
        _plot_interval(axes, row, spans[name], BLUE)
        label = f"version {name}" if name.isdigit() else name
        axes.text(spans[name].high, row, f"  {label}", va="center", fontsize=9, color=INK)
    axes.set_yticks([])
    return figure


def _worst_first(spans: Mapping[str, Interval]) -> list[str]:
    return sorted(spans, key=lambda name: spans[name].estimate)


def _interval_axes(title: str, spans: Mapping[str, Interval]) -> tuple[Figure, Axes]:
    figure, axes = canvas(title, width=8, height=1.3 + 0.45 * len(spans))
    axes.set_xlim(left=0)
    axes.set_ylim(-0.6, len(spans) - 0.4)
    return figure, axes


def _plot_interval(axes: Axes, row: int, span: Interval, colour: str) -> None:
    axes.plot([span.low, span.high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
    axes.plot(span.estimate, row, "o", color=colour, markersize=7)


def drivers(shares: pd.DataFrame) -> Figure:
    """Plot the contribution of each field to the similarity of neighbours and of random pairs.

    `shares` is the frame of `inspection.drivers`.
    """
    title = "What drives similarity: neighbours (full) and random pairs (hollow)"
    figure, axes = canvas(title, width=8, height=1.3 + 0.4 * len(shares))
    _plot_pairs(axes, shares.iloc[::-1])
    axes.set_ylim(-0.6, len(shares) - 0.4)
    axes.set_xlabel("mean contribution to the similarity (0 to 1)")
    return figure


def _plot_pairs(axes: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    near, random = rows["neighbours"], rows["random pairs"]
    axes.hlines(places, random, near, color=FAINT, linewidth=3, zorder=0)
    axes.plot(random, places, "o", markerfacecolor="white", markeredgecolor=QUIET, markersize=6)
    axes.plot(near, places, "o", color=BLUE, markersize=7)
    axes.set_yticks(places, rows.index)


def coverage(listed: pd.DataFrame) -> Figure:
    """Plot how often games are in others' lists, from the best known to the least known.

    `listed` is the frame of `inspection.listed`.
    """
    times = listed.sort_values("rank", ignore_index=True)["times"]
    is_listed, places = times.gt(0), times / max(times.sum(), 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    style(left, f"{is_listed.mean():.0%} of all games are in a list")
    _plot_buckets(left, _by_bucket(is_listed).mean(), "share of these games")
    style(right, "distribution of the places in the lists")
    _plot_buckets(right, _by_bucket(places).sum(), "share of all places")
    return figure


def _by_bucket(values: pd.Series) -> Any:
    """Group values into BUCKETS of neighbours."""
    buckets = np.arange(len(values)) * BUCKETS // len(values)
    return values.groupby(buckets)


def _plot_buckets(axes: Axes, heights: pd.Series, label: str) -> None:
    axes.bar(heights.index, heights, color=BLUE, width=0.8)
    axes.set_xticks([0, BUCKETS - 1], ["best known", "least known"])
    axes.set_ylabel(label)


def series_found(ours: float, popular: float, cases: int) -> Figure:
    """Plot the proxy: the share of a series among the ten nearest games, beside the ten most popular."""
    title = f"Proxy on {cases:,} games: their series found with title and makers hidden"
    figure, axes = canvas(title, width=8, height=1.8)
    axes.barh([1, 0], [ours, popular], color=[BLUE, QUIET], height=0.6)
    axes.set_yticks([1, 0], ["content", "popularity"])
    axes.set_xlabel("share of the series among ten (right is better)")
    return figure

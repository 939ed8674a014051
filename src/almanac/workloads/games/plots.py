"""The pictures of the games notebooks: frame in, figure out."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.judging.scores import Interval
from almanac.workloads.games import evaluation
from almanac.workloads.games.evaluation import Outcome

COLOURS = ["#2f5d8a", "#5f93b8", "#7a6a9b", "#4f8f6b", "#c9773b", "#b8a15f", "#a9b0bb"]
FIRST_YEAR = 1980
MOST_GENRES = 6
BUCKETS = 20


def genres_by_year(games: pd.DataFrame) -> Figure:
    """Show how many games of each first genre came out in each year; `games` as in the contract."""
    years = pd.to_datetime(games["released"]).dt.year
    genre = games["genres"].str.split(";").str[0].replace("", "none")
    kept = genre.value_counts().index[:MOST_GENRES]
    counts = pd.crosstab(years, genre.where(genre.isin(kept), "others"))
    counts = counts[counts.index >= max(FIRST_YEAR, years.max() - 30)]
    order = [name for name in [*kept, "others"] if name in counts]
    figure, axes = canvas(f"{len(games):,} games by year and first genre", width=10, height=4)
    axes.stackplot(counts.index, [counts[name] for name in order], labels=order, colors=COLOURS[: len(order)])
    axes.legend(loc="upper left", frameon=False, fontsize=9, reverse=True)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def candidates(found: Mapping[str, Outcome], *, seed: int) -> Figure:
    """Show NDCG@10 of each candidate on the same held-back plays with 95 % intervals over players."""
    spans = {name: evaluation.intervals(each, seed=seed)["ndcg_at_10"] for name, each in found.items()}
    order = sorted(spans, key=lambda name: spans[name].estimate)
    players = len(next(iter(found.values())).ndcg)
    figure, axes = canvas(
        f"Candidates on the held-back plays of {players:,} players", width=8, height=1.3 + 0.45 * len(order)
    )
    for row, name in enumerate(order):
        colour = COLOURS[0] if name == order[-1] else QUIET
        axes.plot(
            [spans[name].low, spans[name].high], [row, row], color=colour, linewidth=2, solid_capstyle="round"
        )
        axes.plot(spans[name].estimate, row, "o", color=colour, markersize=7)
    axes.set_yticks(range(len(order)), [name.replace("_", " ") for name in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel("NDCG@10, 95 % interval (right is better)")
    return figure


def intervals(spans: Mapping[str, Interval], metric: str, cases: int) -> Figure:
    """Show the mean score of each model with its 95 % interval; versions go by their numbers."""
    figure, axes = canvas(f"{metric} on {cases:,} cases", width=8, height=1.3 + 0.45 * len(spans))
    for row, (name, span) in enumerate(sorted(spans.items(), key=lambda item: item[1].estimate)):
        axes.plot([span.low, span.high], [row, row], color=COLOURS[0], linewidth=2, solid_capstyle="round")
        axes.plot(span.estimate, row, "o", color=COLOURS[0], markersize=7)
        axes.text(
            span.high,
            row,
            f"  {name if not name.isdigit() else f'version {name}'}",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.set_ylim(-0.6, len(spans) - 0.4)
    return figure


def drivers(shares: pd.DataFrame) -> Figure:
    """Show what each field gives to the similarity of neighbours and of random pairs; a frame as of `showing.drivers`."""
    rows = shares.iloc[::-1]
    figure, axes = canvas(
        "What drives similarity: neighbours (full) and random pairs (hollow)",
        width=8,
        height=1.3 + 0.4 * len(rows),
    )
    places = np.arange(len(rows))
    axes.hlines(places, rows["random pairs"], rows["neighbours"], color=FAINT, linewidth=3, zorder=0)
    axes.plot(rows["random pairs"], places, "o", markerfacecolor="white", markeredgecolor=QUIET, markersize=6)
    axes.plot(rows["neighbours"], places, "o", color=COLOURS[0], markersize=7)
    axes.set_yticks(places, rows.index)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("mean contribution to the similarity (0 to 1)")
    return figure


def coverage(listed: pd.DataFrame) -> Figure:
    """Show how often games stand in others' lists, from the best known to the least; a frame as of `showing.listed`."""
    ordered = listed.sort_values("rank", ignore_index=True)
    bucket = np.minimum(np.arange(len(ordered)) * BUCKETS // len(ordered), BUCKETS - 1)
    share = ordered["times"].gt(0).groupby(bucket).mean()
    total = ordered["times"].groupby(bucket).sum() / max(int(ordered["times"].sum()), 1)
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    titles = (
        f"{ordered['times'].gt(0).mean():.0%} of all games stand in a list",
        "where the places in the lists go",
    )
    for axes, heights, title in zip(panels, (share, total), titles, strict=True):
        axes.bar(heights.index, heights, color=COLOURS[0], width=0.8)
        style(axes, title)
        axes.set_xticks([0, BUCKETS - 1], ["best known", "least known"])
    panels[0].set_ylabel("share of these games")
    panels[1].set_ylabel("share of all places")
    return figure


def series_found(ours: float, popular: float, cases: int) -> Figure:
    """Show the proxy: the share of a series among the ten nearest, beside the ten most popular."""
    figure, axes = canvas(
        f"Proxy on {cases:,} games: their series found with title and makers hidden", width=8, height=1.8
    )
    axes.barh([1, 0], [ours, popular], color=[COLOURS[0], QUIET], height=0.6)
    axes.set_yticks([1, 0], ["content", "popularity"])
    axes.set_xlabel("share of the series among ten (right is better)")
    return figure

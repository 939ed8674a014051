"""The pictures of the football notebooks: frame in, figure out."""

from collections.abc import Mapping
from datetime import date

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.judging.scores import Floats
from almanac.workloads.football import evaluation
from almanac.workloads.football.model import BASELINES
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength import ratings as rating_systems
from almanac.workloads.football.strength import timeline

COLOURS = {"home": "#2f5d8a", "draw": "#a9b0bb", "away": "#c9773b"}
LINES = ["#2f5d8a", "#5f93b8", "#7a6a9b", "#4f8f6b", "#c9773b"]
CHANCES = {"home": "home_win", "draw": "draw", "away": "away_win"}
MOST_COMING = 24
LOWEST_SHOWN = 0.10


def coverage(matches: pd.DataFrame) -> Figure:
    """Show how many played matches each league has in each season."""
    played = matches[matches["status"] == "played"]
    counts = played.pivot_table(
        index="league", columns="season", values="match_id", aggfunc="count", fill_value=0
    )
    counts = counts.reindex([code for code in LEAGUES if code in counts.index])
    figure, axes = canvas(
        f"{len(played):,} played matches of {len(counts)} leagues", width=9, height=1.4 + 0.27 * len(counts)
    )
    axes.imshow(
        counts.where(counts > 0), cmap="Blues", vmin=0, vmax=1.6 * counts.to_numpy().max(), aspect="auto"
    )
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        axes.text(
            column,
            row,
            f"{count}" if count else "–",
            ha="center",
            va="center",
            fontsize=8,
            color=INK if count else QUIET,
        )
    axes.set_xticks(range(counts.shape[1]), counts.columns)
    axes.set_yticks(
        range(len(counts)), [f"{LEAGUES[code].country}, {LEAGUES[code].name}" for code in counts.index]
    )
    axes.spines[:].set_visible(False)
    return figure


def ratings(matches: pd.DataFrame, *, as_of: date) -> Figure:
    """Show Elo ratings through time of the three strongest clubs of the best known country, its greatest climber and faller."""
    rated = _rated(matches, as_of)
    lines = {
        str(club): rows
        for club, rows in rated.groupby("club")
        if len(rows) > len(rated) / rated["club"].nunique() / 2
    }
    strongest = sorted(lines, key=lambda club: -lines[club]["rating"].iloc[-1])
    moved = sorted(
        strongest[3:], key=lambda club: lines[club]["rating"].iloc[-1] - lines[club]["rating"].iloc[0]
    )
    figure, axes = canvas(
        f"Elo ratings, {rated['country'].iloc[0]}: the strongest three, the greatest climber and faller",
        width=10,
        height=4.8,
    )
    chosen = list(dict.fromkeys([*strongest[:3], *moved[-1:], *moved[:1]]))
    heights = _apart(
        [lines[club]["rating"].iloc[-1] for club in chosen],
        gap=rated["rating"].max() / 30 - rated["rating"].min() / 30,
    )
    for colour, club, height in zip(LINES, chosen, heights, strict=False):
        _line(axes, lines[club], (club, height), colour)
    axes.set_ylabel("Elo points")
    axes.margins(x=0.02)
    axes.text(
        0.01, 0.01, "dots: first match in another league", transform=axes.transAxes, fontsize=8, color=QUIET
    )
    return figure


def _rated(matches: pd.DataFrame, as_of: date) -> pd.DataFrame:
    line = timeline.Timeline.of(matches, as_of=as_of)
    elo, frame = rating_systems.elo(line), line.frame
    told = pd.DataFrame(
        {
            "date": np.tile(frame["date"], 2),
            "club": np.concatenate([frame["home"], frame["away"]]),
            "league": np.tile(frame["league"], 2),
            "rating": np.concatenate([elo.home, elo.away]),
        }
    )
    countries = told["league"].map({code: league.country for code, league in LEAGUES.items()})
    return told.assign(country=countries)[countries == countries.mode()[0]].sort_values("date", kind="stable")


def _apart(heights: list[float], *, gap: float) -> list[float]:
    """Return heights for labels, lowered where they would touch the one above."""
    placed: dict[int, float] = {}
    for index in sorted(range(len(heights)), key=lambda index: -heights[index]):
        placed[index] = min(heights[index], min(placed.values(), default=np.inf) - gap)
    return [placed[index] for index in range(len(heights))]


def _line(axes: Axes, rows: pd.DataFrame, label: tuple[str, float], colour: str) -> None:
    axes.plot(rows["date"], rows["rating"], color=colour, linewidth=1.4)
    changed = rows[rows["league"] != rows["league"].shift().fillna(rows["league"].iloc[0])]
    axes.plot(changed["date"], changed["rating"], "o", color=colour, markersize=4)
    end = rows.iloc[-1]
    axes.annotate(
        label[0],
        (end["date"], label[1]),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=colour,
    )


def candidates(validation: pd.DataFrame, told: Mapping[str, Floats], *, seed: int) -> Figure:
    """Show by how much each candidate's RPS differs from Elo + logit on the same matches, with 95 % intervals."""
    names = [name for name in told if name not in BASELINES]
    gaps = {
        name: evaluation.compare(validation, told[name], told["elo_logit"], seed=seed)["rps"]
        for name in names
    }
    order = sorted(names, key=lambda name: -gaps[name].estimate)
    figure, axes = canvas(
        f"Candidates beside Elo + logit on {len(validation):,} validation matches",
        width=8,
        height=1.3 + 0.45 * len(order),
    )
    for row, name in enumerate(order):
        gap, colour = gaps[name], COLOURS["home"] if name == order[-1] else QUIET
        axes.plot([gap.low, gap.high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(gap.estimate, row, "o", color=colour, markersize=7)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(order)), [name.replace("_", " ") for name in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlabel("RPS less that of Elo + logit, 95 % interval (left is better)")
    return figure


def reliability(bins: pd.DataFrame) -> Figure:
    """Show promised chances against frequencies for each outcome, with Wilson's 95 % intervals."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.8), sharex=True, sharey=True, layout="constrained")
    top = 0.05 + max(bins["promised"].max(), bins["high"].max())
    for axes, (outcome, colour) in zip(panels, COLOURS.items(), strict=True):
        rows = bins[bins["outcome"] == outcome]
        axes.plot([0, top], [0, top], color=FAINT, linewidth=1.5, zorder=0)
        axes.vlines(rows["promised"], rows["low"], rows["high"], color=colour, linewidth=1.6)
        axes.plot(rows["promised"], rows["happened"], "o", color=colour, markersize=5)
        style(axes, f"{outcome}: {rows['n'].sum():,} matches")
        axes.set_xlabel("promised")
    panels[0].set_ylabel("happened")
    return figure


def leagues(scores: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Show the RPS of each league, model beside baseline; frames as of `evaluation.by_league`."""
    rows = scores.sort_values("rps", ascending=False)
    theirs = baseline["rps"].reindex(rows.index)
    figure, axes = canvas(
        "RPS by league: model (full) and Elo + logit (hollow), left is better",
        width=8,
        height=1.4 + 0.27 * len(rows),
    )
    places = np.arange(len(rows))
    axes.hlines(
        places,
        np.minimum(rows["rps"], theirs),
        np.maximum(rows["rps"], theirs),
        color=FAINT,
        linewidth=3,
        zorder=0,
    )
    axes.plot(theirs, places, "o", markerfacecolor="white", markeredgecolor=QUIET, markersize=6)
    axes.plot(rows["rps"], places, "o", color=COLOURS["home"], markersize=6)
    names = [
        f"{LEAGUES[code].country}, {LEAGUES[code].name} ({row.n:.0f})"
        for code, row in zip(rows.index, rows.itertuples(), strict=True)
    ]
    axes.set_yticks(places, names)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlabel("ranked probability score (number of matches in brackets)")
    return figure


def coming(predictions: pd.DataFrame) -> Figure:
    """Show the chances of home, draw and away of the next matches, at most 24."""
    rows = (
        predictions.sort_values(["date", "league"], kind="stable")
        .head(MOST_COMING)
        .iloc[::-1]
        .reset_index(drop=True)
    )
    shown = (
        f"The next {len(rows)} of {len(predictions)} matches"
        if len(rows) < len(predictions)
        else f"{len(rows)} coming matches"
    )
    figure, axes = canvas(f"{shown}: home, draw, away", width=10, height=1.2 + 0.31 * len(rows))
    left = np.zeros(len(rows))
    for outcome, column in CHANCES.items():
        axes.barh(
            rows.index,
            rows[column],
            left=left,
            color=COLOURS[outcome],
            height=0.78,
            edgecolor="white",
            linewidth=1.2,
        )
        _percentages(
            axes, left, rows[column].to_numpy(dtype=np.float64), INK if outcome == "draw" else "white"
        )
        left += rows[column].to_numpy(dtype=np.float64)
    days = pd.to_datetime(rows["date"]).dt.strftime("%d %b")
    axes.set_yticks(
        rows.index,
        [f"{day}  {row.home} – {row.away}" for day, row in zip(days, rows.itertuples(), strict=True)],
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    return figure


def _percentages(axes: Axes, left: Floats, widths: Floats, colour: str) -> None:
    for row, (start, width) in enumerate(zip(left, widths, strict=True)):
        if width >= LOWEST_SHOWN:
            axes.text(
                start + width / 2, row, f"{width:.0%}", ha="center", va="center", fontsize=8, color=colour
            )

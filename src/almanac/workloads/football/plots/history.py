"""Figures of the past: how many matches there are, and how strong clubs were."""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from almanac.drawing import INK, QUIET, canvas
from almanac.workloads.football.plots.colours import LINE_COLOURS
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength.ratings import elo
from almanac.workloads.football.strength.timeline import COUNTRIES, Timeline

STRONGEST = 3
# A label needs this share of the range of ratings for itself.
LABEL_GAP = 1 / 30


class _Line(NamedTuple):
    """The ratings of one club, and the height at which its name is written."""

    club: str
    rows: pd.DataFrame
    label_height: float
    colour: str


def coverage(matches: pd.DataFrame) -> Figure:
    """Show how many played matches each league has in each season."""
    played = matches[matches["status"] == "played"]
    counts = _counts(played)
    title = f"{len(played):,} played matches of {len(counts)} leagues"
    figure, axes = canvas(title, width=9, height=1.4 + 0.27 * len(counts))
    darkest = 1.6 * counts.to_numpy().max()
    axes.imshow(counts.where(counts > 0), cmap="Blues", vmin=0, vmax=darkest, aspect="auto")
    _write_counts(axes, counts)
    axes.set_xticks(range(counts.shape[1]), counts.columns)
    axes.set_yticks(range(len(counts)), [LEAGUES[code].label for code in counts.index])
    axes.spines[:].set_visible(False)
    return figure


def _counts(played: pd.DataFrame) -> pd.DataFrame:
    """Return the number of matches per league (row) and season (column)."""
    counts = pd.crosstab(played["league"], played["season"])
    return counts.reindex([code for code in LEAGUES if code in counts.index])


def _write_counts(axes: Axes, counts: pd.DataFrame) -> None:
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        text, colour = (f"{count}", INK) if count else ("–", QUIET)
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def ratings(matches: pd.DataFrame, *, as_of: date) -> Figure:
    """Show Elo ratings of the country with most matches: strongest clubs, greatest climber and faller."""
    rated = _rated(matches, as_of)
    country = rated["country"].iloc[0]
    title = f"Elo ratings, {country}: the strongest three, the greatest climber and faller"
    figure, axes = canvas(title, width=10, height=4.8)
    for line in _lines(rated):
        _draw(axes, line)
    axes.set_ylabel("Elo points")
    axes.margins(x=0.02)
    note = "dots: first match in another league"
    axes.text(0.01, 0.01, note, transform=axes.transAxes, fontsize=8, color=QUIET)
    return figure


def _rated(matches: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return date, club, league, country and rating before each match, of the country with most matches."""
    timeline = Timeline.of(matches, as_of=as_of)
    rating, frame = elo(timeline), timeline.frame
    home = _of_side(frame, "home", rating.home)
    away = _of_side(frame, "away", rating.away)
    rows = pd.concat([home, away], ignore_index=True)
    rows = rows.assign(country=rows["league"].map(COUNTRIES))
    largest = rows["country"].mode()[0]
    rated: pd.DataFrame = rows[rows["country"] == largest]
    return rated.sort_values("date", kind="stable")


def _of_side(frame: pd.DataFrame, side: str, rating: np.ndarray) -> pd.DataFrame:
    columns = {"date": frame["date"], "club": frame[side], "league": frame["league"]}
    return pd.DataFrame(columns).assign(rating=rating)


def _lines(rated: pd.DataFrame) -> list[_Line]:
    """Return the lines of the strongest clubs, the greatest climber and the greatest faller."""
    clubs = _with_enough_matches(rated)
    latest = {club: rows["rating"].iloc[-1] for club, rows in clubs.items()}
    first = {club: rows["rating"].iloc[0] for club, rows in clubs.items()}
    strongest = sorted(clubs, key=lambda club: -latest[club])
    by_gain = sorted(strongest[STRONGEST:], key=lambda club: latest[club] - first[club])
    moved = by_gain[-1:] + by_gain[:1]
    chosen = dict.fromkeys(strongest[:STRONGEST] + moved)
    gap = LABEL_GAP * np.ptp(rated["rating"])
    heights = _apart([latest[club] for club in chosen], gap=gap)
    return [
        _Line(club, clubs[club], height, colour)
        for club, height, colour in zip(chosen, heights, LINE_COLOURS, strict=False)
    ]


def _with_enough_matches(rated: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the ratings of each club with more than half the matches of an average club."""
    average = len(rated) / rated["club"].nunique()
    return {str(club): rows for club, rows in rated.groupby("club") if len(rows) > average / 2}


def _apart(heights: list[float], *, gap: float) -> list[float]:
    """Return heights for labels, lowered if they would touch the one above."""
    labels: dict[int, float] = {}
    for index in sorted(range(len(heights)), key=lambda index: -heights[index]):
        lowest = min(labels.values(), default=np.inf)
        labels[index] = min(heights[index], lowest - gap)
    return [labels[index] for index in range(len(heights))]


def _draw(axes: Axes, line: _Line) -> None:
    rows, colour = line.rows, line.colour
    axes.plot(rows["date"], rows["rating"], color=colour, linewidth=1.4)
    league_before = rows["league"].shift().fillna(rows["league"].iloc[0])
    moved = rows[rows["league"] != league_before]
    axes.plot(moved["date"], moved["rating"], "o", color=colour, markersize=4)
    place = (rows["date"].iloc[-1], line.label_height)
    beside: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
    axes.annotate(line.club, place, fontsize=9, color=colour, **beside)

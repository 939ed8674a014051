"""Matches in the order in which they became known, with clubs and leagues as numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.football.sources.openfootball import LEAGUES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KEYS = ["match_id", "league", "season", "date", "kickoff", "home", "away", "outcome"]
# A play-off guest from another tier first appears at the season's end; it is no member of the league.
MEMBERS_APPEAR_WITHIN_DAYS = 45


@dataclass(frozen=True)
class Timeline:
    """Arrays of one entry per match, sorted by `known_on`, then `day`.

    `known_on` is the day at whose start the features of a match are taken: its own day, or an earlier one where
    predictions are made ahead. Clubs and leagues of one country share a `pool`. Goals are NaN where the score is not known;
    `entry` numbers a league's season; `tier` is 0 for a country's highest league.
    """

    frame: pd.DataFrame
    day: Integers
    known_on: Integers
    home: Integers
    away: Integers
    pool: Integers
    league: Integers
    tier: Integers
    entry: Integers
    home_goals: Floats
    away_goals: Floats

    def __len__(self) -> int:
        return len(self.day)

    @property
    def clubs(self) -> int:
        """How many clubs there are."""
        return int(max(self.home.max(), self.away.max())) + 1

    @property
    def played(self) -> npt.NDArray[np.bool_]:
        """Whether the score of a match is known."""
        return ~np.isnan(self.home_goals)

    def blocks(self) -> Iterator[tuple[slice, list[slice]]]:
        """Yield the matches whose features are taken at one moment, and the same matches day by day."""
        for block in _runs(self.known_on, 0):
            yield block, list(_runs(self.day[block], block.start))

    def members(self) -> list[Integers]:
        """Return the clubs of each entry, without guests that only appear in its play-offs."""
        entries = np.concatenate([self.entry, self.entry])
        clubs = np.concatenate([self.home, self.away])
        days = np.concatenate([self.day, self.day])
        first = np.full(entries.max() + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, entries, days)
        early = days <= first[entries] + MEMBERS_APPEAR_WITHIN_DAYS
        pairs = np.unique(np.stack([entries[early], clubs[early]]), axis=1)
        return np.split(pairs[1], np.flatnonzero(np.diff(pairs[0])) + 1)


def days_of(dates: pd.Series) -> Integers:
    """Return dates as days since 1970."""
    days: Integers = pd.to_datetime(dates).to_numpy().astype("datetime64[D]").astype(np.int64)
    return days


def day_of(when: date) -> int:
    """Return one date as days since 1970."""
    return int(np.datetime64(when, "D").astype(np.int64))


def make(matches: pd.DataFrame, *, as_of: date, horizon_days: int = 0) -> Timeline:
    """Sort and number the matches, hiding every score from `as_of` on.

    With `horizon_days`, matches are seen from snapshots that many days apart (the last one at `as_of`), as they are when
    predictions are served ahead; without, from the morning of their own day.
    """
    frame = _visible(matches, as_of)
    day = days_of(frame["date"])
    known_on = _known_on(day, day_of(as_of), horizon_days)
    order = np.lexsort((frame["match_id"].to_numpy(), day, known_on))
    return _numbered(frame.iloc[order].reset_index(drop=True), known_on[order])


def _visible(matches: pd.DataFrame, as_of: date) -> pd.DataFrame:
    dates = pd.to_datetime(matches["date"]).astype("datetime64[s]")
    coming = (dates >= pd.Timestamp(as_of)) & matches["status"].isin(["played", "scheduled"])
    played = (
        (dates < pd.Timestamp(as_of))
        & (matches["status"] == "played")
        & matches["home_goals"].notna()
        & matches["away_goals"].notna()
    )
    frame = matches.assign(date=dates)
    for goals in ("home_goals", "away_goals"):
        frame[goals] = matches[goals].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        frame.loc[coming, goals] = np.nan
    return frame[played | coming].reset_index(drop=True)


def _known_on(day: Integers, as_of: int, horizon_days: int) -> Integers:
    back = (day - as_of) % horizon_days if horizon_days else np.zeros_like(day)
    known_on: Integers = np.minimum(day - back, as_of)
    return known_on


def _numbered(frame: pd.DataFrame, known_on: Integers) -> Timeline:
    pools = frame["league"].map({code: league.country for code, league in LEAGUES.items()})
    clubs = pd.factorize(pd.concat([pools + " " + frame["home"], pools + " " + frame["away"]]))[0].astype(
        np.int64
    )
    goals = {name: frame[name].to_numpy(dtype=np.float64) for name in ("home_goals", "away_goals")}
    return Timeline(
        frame=frame.assign(outcome=outcomes(goals["home_goals"], goals["away_goals"])),
        day=days_of(frame["date"]),
        known_on=known_on,
        home=clubs[: len(frame)],
        away=clubs[len(frame) :],
        pool=pd.factorize(pools)[0].astype(np.int64),
        league=pd.factorize(frame["league"])[0].astype(np.int64),
        tier=np.array([LEAGUES[code].tier - 1 for code in frame["league"]], dtype=np.int64),
        entry=pd.factorize(frame["league"] + " " + frame["season"])[0].astype(np.int64),
        **goals,
    )


def outcomes(home_goals: Floats, away_goals: Floats) -> npt.NDArray[np.object_]:
    """Return home, draw or away for each match, None where the score is not known."""
    names: npt.NDArray[np.object_] = np.array(["away", "draw", "home", None], dtype=object)
    sign = np.sign(home_goals - away_goals)
    return names[np.where(np.isnan(sign), 3, sign + 1).astype(np.int64)]


def _runs(values: Integers, offset: int) -> Iterator[slice]:
    edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    for start, end in pairwise(edges):
        yield slice(int(start) + offset, int(end) + offset)

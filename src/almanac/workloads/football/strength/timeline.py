"""Matches in the order in which they are predicted, with clubs and leagues as numbers."""

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

# More days than any calendar here: a key and a day make one number that sorts by key, then day.
MOST_DAYS = 1 << 20
KEYS = ["match_id", "league", "season", "date", "kickoff", "home", "away", "outcome"]
GOALS = ["home_goals", "away_goals"]
# In the order of the sign of home goals minus away goals; the last one stands for an unknown score.
OUTCOME_NAMES = np.array(["away", "draw", "home", None], dtype=object)
COUNTRIES = {code: league.country for code, league in LEAGUES.items()}
TIERS = {code: league.tier - 1 for code, league in LEAGUES.items()}
# A play-off guest from another tier first appears at the season's end; it is no member of the league.
MEMBERS_APPEAR_WITHIN_DAYS = 45


@dataclass(frozen=True)
class Timeline:
    """Arrays of one entry per match, sorted by `snapshot_day`, then `day`.

    `snapshot_day` is the day at whose start the features of a match are computed: its own day, or an earlier
    one if predictions are served ahead. Days count from 1970. Goals are NaN if the score is unknown. `tier`
    is 0 for the highest league of a country; `edition` numbers the seasons of the leagues.
    """

    frame: pd.DataFrame
    day: Integers
    snapshot_day: Integers
    home: Integers
    away: Integers
    country: Integers
    league: Integers
    tier: Integers
    edition: Integers
    home_goals: Floats
    away_goals: Floats

    @classmethod
    def of(cls, matches: pd.DataFrame, *, as_of: date, horizon_days: int = 0) -> "Timeline":
        """Sort and number the matches and hide every score from `as_of` on.

        With `horizon_days`, features come from snapshots that many days apart, the last one at `as_of`, as
        for predictions that are served ahead. Without, they come from the morning of the match.
        """
        frame = _visible(matches, as_of)
        day = days_of(frame["date"])
        snapshot_day = _snapshot_days(day, day_of(as_of), horizon_days)
        order = np.lexsort((frame["match_id"].to_numpy(), day, snapshot_day))
        return cls._numbered(frame.iloc[order].reset_index(drop=True), snapshot_day[order])

    @classmethod
    def _numbered(cls, frame: pd.DataFrame, snapshot_day: Integers) -> "Timeline":
        countries = frame["league"].map(COUNTRIES)
        names = [countries + " " + frame[side] for side in ("home", "away")]
        # Match after match, so that later matches change no number of an earlier club.
        home, away = _numbers(pd.Series(np.stack(names, axis=1).ravel())).reshape(-1, 2).T
        home_goals, away_goals = goals_of(frame)
        return cls(
            frame=frame.assign(outcome=outcomes(home_goals, away_goals)),
            day=days_of(frame["date"]),
            snapshot_day=snapshot_day,
            home=home,
            away=away,
            country=_numbers(countries),
            league=_numbers(frame["league"]),
            tier=frame["league"].map(TIERS).to_numpy().astype(np.int64),
            edition=_numbers(frame["league"] + " " + frame["season"]),
            home_goals=home_goals,
            away_goals=away_goals,
        )

    def __len__(self) -> int:
        return len(self.day)

    @property
    def clubs(self) -> Integers:
        """The home club of each match, then the away club of each."""
        return np.concatenate([self.home, self.away])

    @property
    def margin(self) -> Floats:
        """Home goals minus away goals."""
        return self.home_goals - self.away_goals

    @property
    def club_count(self) -> int:
        """The number of clubs."""
        return int(self.clubs.max()) + 1

    @property
    def played(self) -> npt.NDArray[np.bool_]:
        """Whether the score of a match is known."""
        return ~np.isnan(self.home_goals)

    def blocks(self) -> Iterator[tuple[slice, list[slice]]]:
        """Yield the matches of each snapshot, and the same matches day by day."""
        for block in _runs(self.snapshot_day, 0):
            yield block, list(_runs(self.day[block], block.start))

    def appearances(self) -> "Appearances":
        """Return the first match of each club in each edition, by day.

        Guests that first appear in the play-offs of an edition are left out.
        """
        edition = np.tile(self.edition, 2)
        day = np.tile(self.day, 2)
        first_days = np.full(edition.max() + 1, self.day.max())
        np.minimum.at(first_days, edition, day)
        order = np.lexsort((self.clubs, day))
        _, firsts = np.unique(np.stack([edition, self.clubs])[:, order], axis=1, return_index=True)
        at = order[np.sort(firsts)]
        at = at[day[at] <= first_days[edition[at]] + MEMBERS_APPEAR_WITHIN_DAYS]
        match = at % len(self)
        return Appearances(day[at], edition[at], self.clubs[at], self.league[match], self.tier[match])


@dataclass(frozen=True)
class Appearances:
    """The first match of each club in each season of a league, sorted by day.

    From that match on a club is a member of the league. Earlier matches do not see it, so that fixtures of
    later days change nothing.
    """

    day: Integers
    edition: Integers
    club: Integers
    league: Integers
    tier: Integers

    def members(self, edition: Integers, day: Integers) -> Integers:
        """Return how many clubs each edition has on each day."""
        order = np.lexsort((self.day, self.edition))
        places = self.edition * MOST_DAYS + self.day
        counts: Integers = np.searchsorted(places[order], edition * MOST_DAYS + day, side="right")
        return counts - np.searchsorted(self.edition[order], edition, side="left")


def days_of(dates: pd.Series) -> Integers:
    """Return dates as days since 1970."""
    days = pd.to_datetime(dates).to_numpy().astype("datetime64[D]")
    numbers: Integers = days.astype(np.int64)
    return numbers


def day_of(when: date) -> int:
    """Return one date as days since 1970."""
    return int(np.datetime64(when, "D").astype(np.int64))


def goals_of(matches: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the home and the away goals of matches as floats."""
    home, away = (matches[name].to_numpy(dtype=np.float64) for name in GOALS)
    return home, away


def outcomes(home_goals: Floats, away_goals: Floats) -> npt.NDArray[np.object_]:
    """Return home, draw or away for each match, None if the score is unknown."""
    sign = np.sign(home_goals - away_goals)
    places = np.where(np.isnan(sign), 3, sign + 1)
    names: npt.NDArray[np.object_] = OUTCOME_NAMES[places.astype(np.int64)]
    return names


def is_played(matches: pd.DataFrame, *, as_of: date) -> pd.Series:
    """Return which matches were played before `as_of` and have a score."""
    is_past = pd.to_datetime(matches["date"]) < pd.Timestamp(as_of)
    has_score = matches[GOALS].notna().all(axis=1)
    return is_past & (matches["status"] == "played") & has_score


def _visible(matches: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return the played and the coming matches; the scores of the coming ones are NaN."""
    dates = pd.to_datetime(matches["date"]).astype("datetime64[s]")
    is_valid = matches["status"].isin(["played", "scheduled"])
    coming = (dates >= pd.Timestamp(as_of)) & is_valid
    frame = matches.assign(date=dates)
    for name in GOALS:
        goals = matches[name].astype("Float64")
        frame[name] = goals.to_numpy(dtype=np.float64, na_value=np.nan)
        frame.loc[coming, name] = np.nan
    return frame[is_played(matches, as_of=as_of) | coming].reset_index(drop=True)


def _snapshot_days(day: Integers, as_of: int, horizon_days: int) -> Integers:
    ahead = (day - as_of) % horizon_days if horizon_days else np.zeros_like(day)
    snapshot_days: Integers = np.minimum(day - ahead, as_of)
    return snapshot_days


def _numbers(names: pd.Series) -> Integers:
    """Return names as numbers in the order of their first appearance."""
    numbers: Integers = pd.factorize(names)[0].astype(np.int64)
    return numbers


def _runs(values: Integers, offset: int) -> Iterator[slice]:
    """Yield the slices of equal neighbouring values."""
    ends = np.concatenate([[0], _edges(values), [len(values)]])
    for start, end in pairwise(ends.tolist()):
        yield slice(start + offset, end + offset)


def _edges(values: Integers) -> Integers:
    """Return the positions of values that differ from the one before."""
    edges: Integers = np.flatnonzero(np.diff(values)) + 1
    return edges

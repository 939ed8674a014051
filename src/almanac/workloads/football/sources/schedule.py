"""What no schedule allows: twins, a club twice on a day, days outside the season, gone fixtures."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd

from almanac.workloads.football.contract import MOST_GOALS
from almanac.workloads.football.sources import openfootball
from almanac.workloads.football.sources.openfootball import LEAGUES

# 2019-20 ended in August 2020; no season strays further from its two summers.
SLACK = timedelta(days=75)
# Of two rows about one match, the one that knows more stays.
KNOWLEDGE = {"played": 3, "awarded": 3, "abandoned": 2, "cancelled": 1, "postponed": 1}
UNPLAYED = ("scheduled", "postponed")
GONE = "gone"
# A file that lists fewer of its matches is broken, and proves nothing about the others.
LEAST_SHARE_LISTED = 0.5
DOUBTFUL_COLUMNS = ["date", "country", "club", "matches"]

Row = Mapping[str, Any]


class Listing(NamedTuple):
    """A match as a source lists it: where it stands there, and its row."""

    file: str
    line: int
    row: Row


class Twin(NamedTuple):
    """A listing that is left out because another one is about the same match."""

    listing: Listing
    stays: Listing

    @property
    def reason(self) -> str:
        """Why it is left out."""
        row, other = self.listing.row, self.stays.row
        words = f"{row['home']} - {row['away']} on {row['date']} is listed in line {self.stays.line} already"
        scores = [(each["home_goals"], each["away_goals"]) for each in (row, other)]
        return words if scores[0] in (scores[1], (None, None)) else f"{words}, with another score"


def without_twins(listings: Iterable[Listing]) -> tuple[list[Listing], list[Twin]]:
    """Return one listing per pairing and day, in their order, and the others."""
    stays: dict[tuple[object, ...], Listing] = {}
    twins: list[Twin] = []
    for listing in listings:
        key = tuple(listing.row[name] for name in ("league", "season", "home", "away", "date"))
        first = stays.setdefault(key, listing)
        if first is not listing:
            # The better one takes the place of the first, so that the order stays.
            worse, stays[key] = sorted([listing, first], key=_knowledge)
            twins.append(Twin(worse, stays[key]))
    return list(stays.values()), twins


def _knowledge(listing: Listing) -> int:
    return KNOWLEDGE.get(listing.row["status"], 0)


def fault(row: Row, name: str = "") -> str:
    """Return why a row cannot be a match of its season; an empty text if it can be one.

    `name` is the home club as its source writes it.
    """
    if row["home"] == row["away"]:
        return f"{name or row['home']} cannot meet itself"
    goals = [row["home_goals"] or 0, row["away_goals"] or 0]
    if max(goals) > MOST_GOALS:
        return f"more than {MOST_GOALS} goals"
    if min(goals) < 0:
        return "fewer than no goals"
    return _fault_of_day(row["season"], row["date"])


def _fault_of_day(season: str, day: date) -> str:
    first = openfootball.first_day(season)
    last = first.replace(year=first.year + 1)
    is_near = first - SLACK <= day <= last + SLACK
    return "" if is_near else f"{day} is outside the season {season}"


def doubtful(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the clubs that play twice on a day: date, country, club and the ids of the matches.

    These matches stay: one of them is wrong, and nothing tells which.
    """
    valid = matches[matches["status"].isin(["played", "scheduled"])]
    countries = valid["league"].map({code: league.country for code, league in LEAGUES.items()})
    sides = [valid.assign(country=countries, club=valid[side]) for side in ("home", "away")]
    rows = pd.concat(sides)[["date", "country", "club", "match_id"]]
    repeated = rows[rows.duplicated(["date", "country", "club"], keep=False)]
    return repeated.groupby(DOUBTFUL_COLUMNS[:3]).agg(matches=("match_id", _joined)).reset_index()


def _joined(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids))


def gone(matches: pd.DataFrame, files: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored matches to come that their source no longer lists, with the status 'gone'.

    `matches` and `files` are what was fetched. A season that was not read, or of which much less was read
    than is stored, loses none.
    """
    listed = pd.concat([_editions(matches), _editions(files.assign(source="openfootball"))])
    coming = stored[stored["status"].isin(UNPLAYED)]
    is_missing = ~coming["match_id"].isin(matches["match_id"])
    is_read = _editions(coming).isin(set(listed) - _shrunken(matches, stored))
    return coming[is_missing & is_read].assign(status=GONE)


def _editions(rows: pd.DataFrame) -> pd.Series:
    """Return source, league and season of each row as one text."""
    return rows["source"] + " " + rows["league"] + " " + rows["season"]


def _shrunken(matches: pd.DataFrame, stored: pd.DataFrame) -> set[str]:
    now = (matches["league"] + " " + matches["season"]).value_counts()
    is_listed = stored["status"] != GONE
    before = (stored["league"] + " " + stored["season"])[is_listed].value_counts()
    share = now.reindex(before.index, fill_value=0) / before
    editions = set(share[share < LEAST_SHARE_LISTED].index)
    return {f"{source} {edition}" for source in stored["source"].unique() for edition in editions}

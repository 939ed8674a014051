"""Builds the frame of matches that every source hands over."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.football.contract import MATCHES
from almanac.workloads.football.sources.clubs import slug

COLUMNS = MATCHES.column_names
PAIR = ["league", "season", "home", "away"]


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return matches, one per row, with their ids; rows of one pair stand in the order in which they are to be numbered.

    `rows` carry every column but match_id.
    """
    matches = pd.DataFrame(list(rows), columns=COLUMNS[1:])
    matches["date"] = pd.to_datetime(matches["date"]).astype("datetime64[s]")
    matches = matches.astype({"home_goals": "Int64", "away_goals": "Int64"})
    texts = [name for name in COLUMNS[1:] if name not in {"date", "home_goals", "away_goals"}]
    matches[texts] = matches[texts].astype("str")
    matches.insert(0, "match_id", match_ids(matches))
    return matches


def match_ids(matches: pd.DataFrame) -> pd.Series:
    """Return the id of each match: league, season, home, away, and from the second such meeting on its number.

    A match that is moved to another day keeps its id.

    >>> pair = {"league": ["E0"] * 2, "season": ["2024-25"] * 2, "home": ["Arsenal FC"] * 2, "away": ["Chelsea FC"] * 2}
    >>> match_ids(pd.DataFrame(pair)).to_list()
    ['E0-2024-25-arsenal-fc-chelsea-fc', 'E0-2024-25-arsenal-fc-chelsea-fc-2']
    """
    slugs = {club: slug(club) for club in pd.unique(pd.concat([matches["home"], matches["away"]]))}
    ids = (
        matches["league"]
        + "-"
        + matches["season"]
        + "-"
        + matches["home"].map(slugs)
        + "-"
        + matches["away"].map(slugs)
    )
    meeting = matches.groupby(PAIR, sort=False).cumcount() + 1
    return ids.where(meeting == 1, ids + "-" + meeting.astype("str")).astype("str")

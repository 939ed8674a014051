"""Builds the frame of matches that every source returns."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.football.contract import MATCHES
from almanac.workloads.football.sources.clubs import slug

COLUMNS = MATCHES.column_names[1:]
GOALS = ["home_goals", "away_goals"]
TEXTS = [name for name in COLUMNS if name not in {"date", *GOALS}]
PAIR = ["league", "season", "home", "away"]


def match_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return matches with their ids, one per row.

    `rows` have every column but match_id. Rows of one pair must be in the order in which they are numbered.
    """
    matches = pd.DataFrame(list(rows), columns=COLUMNS)
    matches["date"] = pd.to_datetime(matches["date"]).astype("datetime64[s]")
    matches = matches.astype(dict.fromkeys(GOALS, "Int64"))
    matches[TEXTS] = matches[TEXTS].astype("str")
    matches.insert(0, "match_id", match_ids(matches))
    return matches


def match_ids(matches: pd.DataFrame) -> pd.Series:
    """Return the id of each match: league, season, home, away, and a number from the second such meeting on.

    A match that moves to another day keeps its id.

    >>> pair = {"league": "E0", "season": "2024-25", "home": "Arsenal FC", "away": "Chelsea FC"}
    >>> match_ids(pd.DataFrame([pair, pair])).to_list()
    ['E0-2024-25-arsenal-fc-chelsea-fc', 'E0-2024-25-arsenal-fc-chelsea-fc-2']
    """
    slugs = _slugs(matches)
    home = matches["home"].map(slugs)
    away = matches["away"].map(slugs)
    ids = matches["league"]
    for part in (matches["season"], home, away):
        ids = ids + "-" + part
    meeting = matches.groupby(PAIR, sort=False).cumcount() + 1
    numbered = ids + "-" + meeting.astype("str")
    return ids.where(meeting == 1, numbered).astype("str")


def _slugs(matches: pd.DataFrame) -> dict[str, str]:
    clubs = pd.concat([matches["home"], matches["away"]]).unique()
    return {club: slug(club) for club in clubs}

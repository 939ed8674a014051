"""One form for the games of every source: the contract's raw table `games`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.games.contract import GAMES

REFUSED = ["file", "line", "reason", "text"]
# A refused row: file, line, reason, and at most MOST_TEXT characters of its text.
MOST_TEXT = 200
Refusal = tuple[str, int, str, str]
DEFAULTS: Mapping[str, Any] = {
    "released": None,
    "genres": "",
    "themes": "",
    "categories": "",
    "platforms": "",
    "developer": None,
    "publisher": None,
    "reviews": 0,
    "good_reviews": 0,
    "listed": True,
}
TYPES = {"reviews": "int64", "good_reviews": "int64", "listed": "bool"}


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as the contract's `games`; a column that a source lacks gets its value of DEFAULTS."""
    complete = [{**DEFAULTS, **row} for row in rows]
    games = pd.DataFrame(complete, columns=GAMES.column_names)
    released = pd.to_datetime(games["released"]).astype("datetime64[s]")
    return games.assign(released=released).astype(TYPES)


def skipped(refusals: Iterable[Refusal]) -> pd.DataFrame:
    """Return refused rows as a frame of file, line, reason and text."""
    return pd.DataFrame(list(refusals), columns=REFUSED)


def delisted(fetched: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored games that their source no longer lists, with `listed` False.

    A source without any game in `fetched` loses none.
    """
    listed = stored[stored["listed"] & stored["source"].isin(fetched["source"])]
    is_missing = ~listed["game_id"].isin(fetched["game_id"])
    return listed[is_missing].assign(listed=False)

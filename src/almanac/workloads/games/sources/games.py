"""One form for the games of every source: the contract's raw table `games`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.games.contract import GAMES

REFUSED = ["file", "line", "reason", "text"]
# A refused row: file, line, reason, text.
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


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as the contract's `games`; a column that a source lacks gets its value of DEFAULTS."""
    complete = [{**DEFAULTS, **row} for row in rows]
    games = pd.DataFrame(complete, columns=GAMES.column_names)
    games["released"] = pd.to_datetime(games["released"]).astype("datetime64[s]")
    return games.astype({"reviews": "int64", "good_reviews": "int64", "listed": "bool"})


def skipped(refusals: Iterable[Refusal]) -> pd.DataFrame:
    """Return refused rows as a frame of file, line, reason and text."""
    return pd.DataFrame(list(refusals), columns=REFUSED)


def delisted(fetched: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored games that their source no longer lists, with `listed` False.

    A source without any game in `fetched` loses none.
    """
    of_fetched_sources = stored[stored["source"].isin(fetched["source"].unique())]
    is_missing = ~of_fetched_sources["game_id"].isin(fetched["game_id"])
    return of_fetched_sources[of_fetched_sources["listed"] & is_missing].assign(listed=False)

"""One form for the games of every source: the contract's raw table `games`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from almanac.workloads.games.contract import GAMES

SKIPPED = ["file", "line", "reason", "text"]


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as the contract's `games`; what a source does not tell is empty, unknown or 0, and every game is listed."""
    empty = {
        "released": None,
        "genres": "",
        "themes": "",
        "categories": "",
        "platforms": "",
        "developer": None,
        "publisher": None,
    }
    known = [empty | {"reviews": 0, "good_reviews": 0, "listed": True} | dict(row) for row in rows]
    made = pd.DataFrame(known, columns=GAMES.column_names)
    made["released"] = pd.to_datetime(made["released"]).astype("datetime64[s]")
    return made.astype({"reviews": "int64", "good_reviews": "int64", "listed": "bool"})


def skipped(rows: Iterable[tuple[str, int, str, str]]) -> pd.DataFrame:
    """Return refused rows as a frame of file, line, reason and text."""
    return pd.DataFrame(list(rows), columns=SKIPPED)


def gone(fetched: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the known games that their source no longer lists, marked so; sources that told nothing this time lose none."""
    told = known["source"].isin(fetched["source"].unique())
    lost = known[told & known["listed"] & ~known["game_id"].isin(fetched["game_id"])]
    return lost.assign(listed=False)

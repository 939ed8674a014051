"""One form for the games of every source: the contract's raw table `games`."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from almanac.fields import UNSTORABLE, printable
from almanac.workloads.games.contract import GAMES

REFUSED = ["file", "line", "reason", "text"]
# A refused row: file, line, reason, and at most MOST_TEXT characters of its text.
MOST_TEXT = 200
Refusal = tuple[str, int, str, str]
# The source that needs a key and a network, and adds to the games of others.
SILENT = "igdb"
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


def storable(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose texts can be stored; raises ValueError with the name of one that cannot."""
    for name, value in row.items():
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise ValueError(f"{name} holds NUL or half of a surrogate pair")
    return row


def skipped(refusals: Iterable[Refusal]) -> pd.DataFrame:
    """Return refused rows as a frame of file, line, reason and text, without control characters."""
    rows = [(file, line, printable(why), printable(text)[:MOST_TEXT]) for file, line, why, text in refusals]
    return pd.DataFrame(rows, columns=REFUSED)


def delisted(fetched: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored games that their source no longer lists, with `listed` False.

    A source without any game in `fetched` loses none.
    """
    listed = stored[stored["listed"] & stored["source"].isin(fetched["source"])]
    is_missing = ~listed["game_id"].isin(fetched["game_id"])
    return listed[is_missing].assign(listed=False)


def completed(fetched: pd.DataFrame, stored: pd.DataFrame, *, unread: int) -> pd.DataFrame:
    """Return fetched games as if the silent source had answered as before: it changes nothing.

    Games of other sources get back what the silent source added to them. Its own games with ids above
    `unread`, after which nothing was read, stay as they are stored.
    """
    own = stored[stored["source"] == SILENT]
    numbers = pd.to_numeric(own["game_id"].str.removeprefix(f"{SILENT}:"), errors="coerce").fillna(np.inf)
    remaining = own[(numbers > unread) & own["listed"] & ~own["game_id"].isin(fetched["game_id"])]
    earlier = stored.set_index("game_id").reindex(fetched["game_id"]).set_index(fetched.index)
    is_known = earlier["source"].notna() & (fetched["source"] != SILENT)
    games = fetched.copy()
    games.loc[is_known] = enriched(fetched[is_known], earlier[is_known])
    return pd.concat([games, remaining[GAMES.column_names]], ignore_index=True)


def enriched(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return our games with the makers and the entries of lists that only `theirs` (same index) has."""
    makers = {name: ours[name].fillna(theirs[name]) for name in ("developer", "publisher")}
    lists = {name: ours[name].combine(theirs[name], _union) for name in ("genres", "themes", "platforms")}
    return ours.assign(**makers, **lists)


def _union(ours: str, theirs: str) -> str:
    """Return our list with the entries of theirs that it lacks, regardless of case."""
    own = [part for part in ours.split(";") if part]
    lower = {part.lower() for part in own}
    new = {part.lower(): part for part in theirs.split(";") if part.lower() not in lower}
    return ";".join([*own, *filter(None, new.values())])

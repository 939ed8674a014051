"""What is known about a game, one plain function per column: raw rows in, values out."""

from datetime import date
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.judging.scores import Z_95
from almanac.workloads.games import titles
from almanac.workloads.games.shared.spelling import title_key

# Tags that only adults should meet unasked; the age field of the source says 0 for most of these games.
ADULT = {"sexual content", "nudity"}
LISTS = ["genres", "themes", "categories", "platforms"]
# Between the two words of a pair; no source has it in a word.
TOGETHER = " + "
KEPT = ["game_id", "title", "released", *LISTS, "developer", "publisher"]


class Known(NamedTuple):
    """All that a model may know: a row per game, and a row per player and game (user_id, game_id, hours, played_at)."""

    catalogue: pd.DataFrame
    plays: pd.DataFrame


def build(games: pd.DataFrame, plays: pd.DataFrame, *, as_of: date) -> Known:
    """Return what is known on the morning of `as_of`: games released and played before, the most popular first.

    The catalogue has the columns KEPT, one column for each function of FEATURES, and `rank` (1 is the most popular).
    """
    day = pd.Timestamp(as_of)
    out = games[games["released"].isna() | (games["released"] < day)]
    earlier = plays["played_at"].isna() | (plays["played_at"] < day.tz_localize("UTC"))
    played = plays[earlier & plays["game_id"].isin(out["game_id"])]
    counted = out.assign(players=players(out, played))
    frame = pd.concat(
        [counted[KEPT], pd.DataFrame({f.__name__: f(counted) for f in FEATURES}), counted["players"]], axis=1
    )
    ordered = frame.sort_values(
        ["players", "popularity", "rating", "game_id"],
        ascending=[False, False, False, True],
        ignore_index=True,
    )
    return Known(ordered.assign(rank=np.arange(1, len(ordered) + 1)), played.reset_index(drop=True))


def players(games: pd.DataFrame, plays: pd.DataFrame) -> pd.Series:
    """Return how many players each game has among the plays; 0 or more.

    >>> players(pd.DataFrame({"game_id": ["a", "b"]}), pd.DataFrame({"game_id": ["a", "a"]})).tolist()
    [2, 0]
    """
    return games["game_id"].map(plays["game_id"].value_counts()).fillna(0).astype("int64")


def year(games: pd.DataFrame) -> pd.Series:
    """Return the year of the first release, missing where unknown.

    >>> year(pd.DataFrame({"released": pd.to_datetime(["2015-05-18", None])})).tolist()
    [2015, <NA>]
    """
    years: pd.Series = pd.to_datetime(games["released"]).dt.year.astype("Int64")
    return years


def rating(games: pd.DataFrame) -> pd.Series:
    """Return the lower end of Wilson's 95 % interval of the share of good reviews, 0 to 1; 0 without reviews.

    >>> rating(pd.DataFrame({"reviews": [0, 10, 1000], "good_reviews": [0, 8, 800]})).round(3).tolist()
    [0.0, 0.49, 0.774]
    """
    trials = games["reviews"].clip(lower=1).astype("float64")
    good = games["good_reviews"] / trials
    middle = good + Z_95**2 / trials / 2
    half = Z_95 * np.sqrt(good * (1 - good) / trials + Z_95**2 / trials**2 / 4)
    low: pd.Series = (middle - half) / (1 + Z_95**2 / trials)
    return low.where(games["reviews"] > 0, 0.0).clip(0.0, 1.0)


def popularity(games: pd.DataFrame) -> pd.Series:
    """Return the logarithm of the number of reviews beside that of the most reviewed game, 0 to 1.

    >>> popularity(pd.DataFrame({"reviews": [0, 9, 99]})).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    logs = pd.Series(np.log1p(games["reviews"].to_numpy(dtype=np.float64)), index=games.index)
    return logs / max(float(logs.max()), 1.0)


def adult(games: pd.DataFrame) -> pd.Series:
    """Return whether genres or themes name what only adults should meet.

    >>> adult(pd.DataFrame({"genres": ["RPG", "Indie;Nudity"], "themes": ["Open World", "Anime"]})).tolist()
    [False, True]
    """
    texts = (games["genres"] + ";" + games["themes"]).str.lower().str.split(";")
    return texts.map(lambda tags: not ADULT.isdisjoint(tags)).astype(bool)


def key(games: pd.DataFrame) -> pd.Series:
    """Return the words of the title as they are searched for; a title of signs alone keeps its signs.

    >>> key(pd.DataFrame({"title": ["DOOM™", "!?"]})).tolist()
    ['doom', '!?']
    """
    return games["title"].map(lambda title: title_key(title) or title).astype("str")


def work(games: pd.DataFrame) -> pd.Series:
    """Return which work a game is an edition of.

    >>> work(pd.DataFrame({"title": ["Fallout 3 - Game of the Year Edition"]})).tolist()
    ['fallout 3']
    """
    return games["title"].map(titles.work_of).astype("str")


def series(games: pd.DataFrame) -> pd.Series:
    """Return which series a game belongs to, '' where none can be told.

    >>> series(pd.DataFrame({"title": ["Portal 2"]})).tolist()
    ['portal']
    """
    return games["title"].map(titles.series_of).astype("str")


def pairs(games: pd.DataFrame) -> pd.Series:
    """Return every two words of genres and themes that stand together: that a game is both says more than that it is each.

    >>> pairs(pd.DataFrame({"genres": ["RPG"], "themes": ["Pirates;RPG;Cute"]})).tolist()
    ['cute + pirates;cute + rpg;pirates + rpg']
    """
    texts = (games["genres"] + ";" + games["themes"]).str.lower().tolist()
    told = [
        ";".join(map(TOGETHER.join, combinations(sorted({word for word in text.split(";") if word}), 2)))
        for text in texts
    ]
    return pd.Series(told, index=games.index, dtype="str")


def maker(games: pd.DataFrame) -> pd.Series:
    """Return the developers without what is not their name, '' where unknown.

    >>> maker(pd.DataFrame({"developer": ["FromSoftware, Inc.", None]})).tolist()
    ['fromsoftware', '']
    """
    return games["developer"].fillna("").map(titles.firms_of).astype("str")


def seller(games: pd.DataFrame) -> pd.Series:
    """Return the publishers without what is not their name, '' where unknown.

    >>> seller(pd.DataFrame({"publisher": ["Natsume Inc.;TABOT, inc."]})).tolist()
    ['natsume;tabot']
    """
    return games["publisher"].fillna("").map(titles.firms_of).astype("str")


def title_words(games: pd.DataFrame) -> pd.Series:
    """Return the telling words of the title: no numbers, none of one or two letters, none that only names an edition.

    >>> title_words(pd.DataFrame({"title": ["Euro Truck Simulator 2", "Go!"]})).tolist()
    ['euro;truck;simulator', '']
    """
    return games["title"].map(titles.telling_words).astype("str")


FEATURES = [year, rating, popularity, adult, key, work, series, pairs, maker, seller, title_words]

"""What a model knows of a game: one plain function per column, raw rows in, values out."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.judging.scores import Z_95
from almanac.workloads.games import single_game, sources, titles
from almanac.workloads.games.encoding import PAIR_SEPARATOR
from almanac.workloads.games.shared.spelling import title_key

# Tags of games for adults; the age field of the source says 0 for most of these games.
ADULT_TAGS = {"sexual content", "nudity"}
LIST_COLUMNS = ["genres", "themes", "categories", "platforms"]
SOURCE_COLUMNS = ["game_id", "title", "released", *LIST_COLUMNS, "developer", "publisher"]
# What a game has in common with another edition of it.
SAME_IN_EDITIONS = ["genres", "themes", "developer"]
# Columns of the order of the catalogue, and whether each is ascending.
MOST_POPULAR_FIRST = {"players": False, "popularity": False, "rating": False, "game_id": True}


class Dataset(NamedTuple):
    """The input of a model: a row per game, and per player and game (user_id, game_id, hours, played_at)."""

    catalogue: pd.DataFrame
    plays: pd.DataFrame


def build(games: pd.DataFrame, plays: pd.DataFrame, *, as_of: date) -> Dataset:
    """Return the games released before `as_of` and their plays before that day, the most popular games first.

    The catalogue has the columns SOURCE_COLUMNS, a column for each function of FEATURES, `players`, and
    `rank` (1 is the most popular). A game or play without a date counts as earlier.
    """
    released = _released_before(games, as_of)
    earlier = _played_before(plays, as_of)
    played = earlier[earlier["game_id"].isin(released["game_id"])]
    counted = released.assign(players=players(released, played))
    return Dataset(_ranked(_with_features(counted)), played.reset_index(drop=True))


def one(read: Callable[[str], pd.DataFrame], inputs: dict[str, str], *, as_of: date | None) -> pd.DataFrame:
    """Return the catalogue of the cut-off day with the game `title=…` or `game_id=…` as its first row.

    The lists of a game need all others. `read` returns a raw table. Raises UsageError for inputs that are
    missing or unknown, and for a game that is not in the catalogue of that day.
    """
    games = sources.select(read("games"), sample="full")
    plays = sources.select_plays(read("plays"), games)
    game_id = single_game.id_of(games, inputs)
    cut = sources.cut_off(games, plays, requested=as_of, slot=datetime.now(UTC).date())
    return single_game.first(build(games, plays, as_of=cut.data_as_of).catalogue, game_id, cut.data_as_of)


def _released_before(games: pd.DataFrame, day: date) -> pd.DataFrame:
    released = games["released"]
    return games[released.isna() | (released < pd.Timestamp(day))]


def _played_before(plays: pd.DataFrame, day: date) -> pd.DataFrame:
    played_at = plays["played_at"]
    return plays[played_at.isna() | (played_at < pd.Timestamp(day, tz="UTC"))]


def _with_features(games: pd.DataFrame) -> pd.DataFrame:
    features = pd.DataFrame({feature.__name__: feature(games) for feature in FEATURES})
    return pd.concat([games[SOURCE_COLUMNS], features, games["players"]], axis=1)


def _ranked(games: pd.DataFrame) -> pd.DataFrame:
    columns, ascending = list(MOST_POPULAR_FIRST), list(MOST_POPULAR_FIRST.values())
    ordered = games.sort_values(columns, ascending=ascending, ignore_index=True)
    return ordered.assign(rank=np.arange(1, len(ordered) + 1))


def players(games: pd.DataFrame, plays: pd.DataFrame) -> pd.Series:
    """Return how many players each game has among the plays; 0 or more.

    >>> players(pd.DataFrame({"game_id": ["a", "b"]}), pd.DataFrame({"game_id": ["a", "a"]})).tolist()
    [2, 0]
    """
    counts = plays["game_id"].value_counts()
    return games["game_id"].map(counts).fillna(0).astype("int64")


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
    share = games["good_reviews"] / trials
    low = _wilson_low(share, trials)
    return low.where(games["reviews"] > 0, 0.0).clip(0.0, 1.0)


def _wilson_low(share: pd.Series, trials: pd.Series) -> pd.Series:
    centre = share + Z_95**2 / trials / 2
    variance = share * (1 - share) / trials
    correction = Z_95**2 / trials**2 / 4
    half_width = Z_95 * np.sqrt(variance + correction)
    low: pd.Series = (centre - half_width) / (1 + Z_95**2 / trials)
    return low


def popularity(games: pd.DataFrame) -> pd.Series:
    """Return the logarithm of the number of reviews, divided by that of the most reviewed game; 0 to 1.

    >>> popularity(pd.DataFrame({"reviews": [0, 9, 99]})).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    reviews = games["reviews"].to_numpy(dtype=np.float64)
    logs = pd.Series(np.log1p(reviews), index=games.index)
    return logs / max(float(logs.max()), 1.0)


def adult(games: pd.DataFrame) -> pd.Series:
    """Return whether genres or themes have a tag of ADULT_TAGS.

    >>> adult(pd.DataFrame({"genres": ["RPG", "Indie;Nudity"], "themes": ["Open World", "Anime"]})).tolist()
    [False, True]
    """
    tags = _tags(games).str.split(";")
    return tags.map(lambda words: not ADULT_TAGS.isdisjoint(words)).astype(bool)


def key(games: pd.DataFrame) -> pd.Series:
    """Return the normalised words of the title; a title of signs alone keeps its signs.

    >>> key(pd.DataFrame({"title": ["DOOM™", "!?"]})).tolist()
    ['doom', '!?']
    """
    return games["title"].map(_key_of).astype("str")


def _key_of(title: str) -> str:
    return title_key(title) or title


def work(games: pd.DataFrame) -> pd.Series:
    """Return the work that a game is an edition of.

    A numbered game with a subtitle is an edition of the one without, where tags and developer are the same.

    >>> work(pd.DataFrame({"title": ["Fallout 3 - Game of the Year Edition"]})).tolist()
    ['fallout 3']
    """
    works = games["title"].map(titles.work_of).astype("str")
    if not {"genres", "themes", "developer"} <= set(games.columns):
        return works
    facts = pd.DataFrame({"work": works, **{name: games[name].fillna("") for name in SAME_IN_EDITIONS}})
    present = set(facts.itertuples(index=False, name=None))
    bases = games["title"].map(titles.numbered_part)
    pairs = zip(bases, facts.itertuples(index=False, name=None), strict=True)
    merged = [base if (base, *rest) in present else own for base, (own, *rest) in pairs]
    return pd.Series(merged, index=games.index).astype("str")


def series(games: pd.DataFrame) -> pd.Series:
    """Return the series that a game belongs to, '' where the title names none.

    >>> series(pd.DataFrame({"title": ["Portal 2"]})).tolist()
    ['portal']
    """
    return games["title"].map(titles.series_of).astype("str")


def pairs(games: pd.DataFrame) -> pd.Series:
    """Return every two words of genres and themes as a pair; a pair says more than each word alone.

    >>> pairs(pd.DataFrame({"genres": ["RPG"], "themes": ["Pirates;RPG;Cute"]})).tolist()
    ['cute + pirates;cute + rpg;pirates + rpg']
    """
    return _tags(games).map(_pairs_of).astype("str")


def _tags(games: pd.DataFrame) -> pd.Series:
    return (games["genres"] + ";" + games["themes"]).str.lower()


def _pairs_of(tags: str) -> str:
    words = sorted({word for word in tags.split(";") if word})
    return ";".join(map(PAIR_SEPARATOR.join, combinations(words, 2)))


def maker(games: pd.DataFrame) -> pd.Series:
    """Return the names of the developers without legal forms, '' where unknown.

    >>> maker(pd.DataFrame({"developer": ["FromSoftware, Inc.", None]})).tolist()
    ['fromsoftware', '']
    """
    return games["developer"].fillna("").map(titles.firms_of).astype("str")


def seller(games: pd.DataFrame) -> pd.Series:
    """Return the names of the publishers without legal forms, '' where unknown.

    >>> seller(pd.DataFrame({"publisher": ["Natsume Inc.;TABOT, inc."]})).tolist()
    ['natsume;tabot']
    """
    return games["publisher"].fillna("").map(titles.firms_of).astype("str")


def title_words(games: pd.DataFrame) -> pd.Series:
    """Return the keywords of the title: no numbers, no short words, none that only names an edition.

    >>> title_words(pd.DataFrame({"title": ["Euro Truck Simulator 2", "Go!"]})).tolist()
    ['euro;truck;simulator', '']
    """
    return games["title"].map(titles.keywords_of).astype("str")


FEATURES = [year, rating, popularity, adult, key, work, series, pairs, maker, seller, title_words]

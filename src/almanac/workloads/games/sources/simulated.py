"""Simulates players whose tastes are known, and games by the thousand, for tests without anybody's data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.encoding import indicators
from almanac.workloads.games.sources import games, plays_csv
from almanac.workloads.games.sources.plays_csv import Play

SOURCE = "simulated"
SEED = 20_260_601
TASTES = 8
ENDS_AT = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 730
# The share of a liking that genres and themes explain; only plays can explain the rest.
EXPLAINED = 0.55
FAME, TASTE = 1.0, 2.2
NEW_GAMES = 0.3
MOST_REVIEWS = 2e6
MEDIAN_LOG_PLAYS, SPREAD_LOG_PLAYS, LEAST_PLAYS = 2.6, 0.5, 5
GENRES = "Action Adventure RPG Strategy Simulation Puzzle Platformer Shooter Racing Sports".split()
THEMES = (
    "Fantasy Sci-fi Horror Medieval Space Historical Cyberpunk Zombies Pirates Ninja Mythology Western Noir"
    " Dinosaurs Robots Underwater Farming Crafting Survival Stealth Turn-Based Tactical Rogue-like"
    " Metroidvania Co-op Multiplayer Relaxing Difficult Humour Music Mechs"
).split()
FIRST_WORDS = (
    "Amber Broken Crimson Distant Eternal Forgotten Golden Hollow Iron Jade Last Midnight Northern Obsidian"
    " Pale Rising Silent Twin"
).split()
SECOND_WORDS = (
    "Anvil Bastion Circuit Dominion Empire Frontier Garden Harbour Island Journey Kingdom Labyrinth Meridian"
    " Oath Passage Quarry"
).split()

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Simulated plays, and how much each player (a row) likes each game of the catalogue (a column)."""

    plays: pd.DataFrame
    liking: Floats
    users: list[str]


def catalogue(count: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return simulated games as the contract's `games`, a few very well known and most hardly at all."""
    random = np.random.default_rng([seed, count])
    makers = random.integers(0, max(count // 3, 1), count).tolist()
    return games.frame(_game(number, makers[number], random) for number in range(count))


def _game(number: int, maker: int, random: np.random.Generator) -> dict[str, object]:
    studio = f"Studio {maker}"
    reviews = int(MOST_REVIEWS / (number + 1) ** 1.1)
    return {
        "game_id": f"sample:{number}",
        "title": _title(number),
        "released": date(2000 + number % 26, 1 + number % 12, 15),
        "genres": ";".join(random.choice(GENRES, size=2, replace=False)),
        "themes": ";".join(random.choice(THEMES, size=3, replace=False)),
        "platforms": "windows",
        "developer": studio,
        "publisher": studio,
        "reviews": reviews,
        "good_reviews": int(reviews * random.beta(8, 2)),
        "source": SOURCE,
    }


def _title(number: int) -> str:
    series, part = divmod(number, 2)
    words, first = divmod(series, len(FIRST_WORDS))
    second = words % len(SECOND_WORDS)
    title = f"{FIRST_WORDS[first]} {SECOND_WORDS[second]} {series}"
    return f"{title} II" if part else title


def world(frame: pd.DataFrame, *, users: int = 1000, seed: int = SEED) -> World:
    """Return players of the games of `frame`, each with a taste, playing one game after the other.

    A player's liking of a game is the fame of the game plus how its kind fits the taste. Each play is drawn
    by liking from the games released by then; some games are released late.
    """
    random = np.random.default_rng([seed, users])
    liking = _liking(frame, users, random)
    released_at = _release_moments(len(frame), random)
    names = [f"player-{number:05d}" for number in range(users)]
    ids, rows = frame["game_id"].tolist(), list[Play]()
    for user, count in enumerate(_play_counts(users, len(frame), random)):
        for game, hours, moment in _plays(liking[user], released_at, count, random):
            rows.append((names[user], ids[game], hours, _time(moment), SOURCE))
    return World(plays_csv.frame(rows), liking, names)


def _liking(frame: pd.DataFrame, users: int, random: np.random.Generator) -> Floats:
    fame = _fame(frame, random)
    tastes = random.normal(size=(users, TASTES)) / np.sqrt(TASTES)
    liking: Floats = FAME * fame + TASTE * tastes @ _kinds(frame, random).T
    return liking


def _release_moments(size: int, random: np.random.Generator) -> Floats:
    """Return when each game is released: 0 before the first play, 1 at the end."""
    is_new = random.random(size) < NEW_GAMES
    return np.where(is_new, random.random(size), 0.0)


def _play_counts(users: int, size: int, random: np.random.Generator) -> list[int]:
    counts = random.lognormal(MEDIAN_LOG_PLAYS, SPREAD_LOG_PLAYS, users)
    whole: list[int] = np.clip(counts, LEAST_PLAYS, size / 3).astype(int).tolist()
    return whole


def _time(moment: float) -> datetime:
    return ENDS_AT - timedelta(days=DAYS * (1 - moment))


def _fame(frame: pd.DataFrame, random: np.random.Generator) -> Floats:
    """Return the logarithm of how well known each game is: a few are, mostly those with many reviews."""
    size = len(frame)
    reviews = np.log1p(frame["reviews"].to_numpy(dtype=np.float64))
    order = np.argsort(-reviews + random.normal(size=size))
    fame = np.empty(size)
    fame[order] = -np.log(np.arange(1, size + 1))
    return fame


def _kinds(frame: pd.DataFrame, random: np.random.Generator) -> Floats:
    """Return the kind of each game as a vector: partly explained by its genres and themes, partly random."""
    columns, words = indicators(frame["genres"] + ";" + frame["themes"])
    meanings = random.normal(size=(len(words), TASTES))
    explained = _directions(np.asarray(columns @ meanings), 1e-9)
    unexplained = _directions(random.normal(size=(len(frame), TASTES)), 0.0)
    direction = np.sqrt(EXPLAINED) * explained + np.sqrt(1 - EXPLAINED) * unexplained
    kinds: Floats = np.sqrt(TASTES) * direction
    return kinds


def _directions(vectors: Floats, least_length: float) -> Floats:
    directions: Floats = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + least_length)
    return directions


def _plays(
    liking: Floats, released_at: Floats, count: int, random: np.random.Generator
) -> Iterator[tuple[int, float, float]]:
    """Yield row of the game, hours and moment (0 to 1) of each play of one player, in order of time."""
    # The greatest of values with Gumbel noise is a draw by their exponentials; again and again without
    # replacement.
    values = liking + random.gumbel(size=len(liking))
    for moment in sorted(random.random(count).tolist()):
        is_released = released_at <= moment
        game = int(np.where(is_released, values, -np.inf).argmax())
        values[game] = -np.inf
        yield game, round(random.lognormal(1.5, 1.0), 1), moment

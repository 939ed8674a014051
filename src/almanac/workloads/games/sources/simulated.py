"""Simulates players whose tastes are known, and games by the thousand, for tests without anybody's data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.encoding import indicators
from almanac.workloads.games.sources import games

SOURCE = "simulated"
SEED = 20_260_601
TASTES = 8
ENDS_AT = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 730
# The share of a liking that genres and themes explain; only plays can explain the rest.
EXPLAINED = 0.55
FAME, TASTE = 1.0, 2.2
NEW_GAMES = 0.3
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
    reviews = np.sort((2e6 / np.arange(1, count + 1) ** 1.1).astype(int))[::-1]
    makers = random.integers(0, max(count // 3, 1), count)
    numbers = zip(range(count), reviews.tolist(), makers.tolist(), strict=True)
    return games.frame(_game(number, random, reviews, maker) for number, reviews, maker in numbers)


def _game(number: int, random: np.random.Generator, reviews: int, maker: int) -> dict[str, object]:
    studio = f"Studio {maker}"
    return {
        "game_id": f"sample:{number}",
        "title": _title(number),
        "released": datetime(2000 + number % 26, 1 + number % 12, 15, tzinfo=UTC).date(),
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
    name, part = divmod(number, 2)
    first = FIRST_WORDS[name % len(FIRST_WORDS)]
    second = SECOND_WORDS[name // len(FIRST_WORDS) % len(SECOND_WORDS)]
    return f"{first} {second} {name} {'II' if part else ''}".strip()


def world(frame: pd.DataFrame, *, users: int = 1000, seed: int = SEED) -> World:
    """Return players of the games of `frame`, each with a taste, playing one game after the other.

    A player's liking of a game is the fame of the game plus how its kind fits the taste. Each play is drawn
    by liking from the games released by then; some games are released late.
    """
    random = np.random.default_rng([seed, users])
    fame = FAME * _fame(frame, random)
    liking = fame + TASTE * _tastes(users, random) @ _kinds(frame, random).T
    released_at = np.where(random.random(len(frame)) < NEW_GAMES, random.random(len(frame)), 0.0)
    names = [f"player-{number:05d}" for number in range(users)]
    counts = _play_counts(users, len(frame), random)
    ids = frame["game_id"].to_numpy()
    rows = list[tuple[str, str, float, datetime, str]]()
    for user, count in enumerate(counts.tolist()):
        for game, hours, moment in _plays(liking[user], released_at, count, random):
            rows.append((names[user], ids[game], hours, _time(moment), SOURCE))
    return World(_play_frame(rows), liking, names)


def _play_counts(users: int, size: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    counts = random.lognormal(MEDIAN_LOG_PLAYS, SPREAD_LOG_PLAYS, users)
    return np.clip(counts, LEAST_PLAYS, size / 3).astype(int)


def _time(moment: float) -> datetime:
    return ENDS_AT - timedelta(days=DAYS * (1 - moment))


def _play_frame(rows: list[tuple[str, str, float, datetime, str]]) -> pd.DataFrame:
    plays = pd.DataFrame(rows, columns=PLAYS.column_names)
    return plays.assign(played_at=pd.to_datetime(plays["played_at"], utc=True).dt.as_unit("us"))


def _fame(frame: pd.DataFrame, random: np.random.Generator) -> Floats:
    """Return the logarithm of how well known each game is: a few are, mostly those with many reviews."""
    reviews = np.log1p(frame["reviews"].to_numpy(dtype=np.float64))
    order = np.argsort(-reviews + random.normal(size=len(frame)))
    fame = np.empty(len(frame))
    fame[order] = -np.log(np.arange(1, len(frame) + 1))
    return fame


def _tastes(users: int, random: np.random.Generator) -> Floats:
    tastes: Floats = random.normal(size=(users, TASTES)) / np.sqrt(TASTES)
    return tastes


def _kinds(frame: pd.DataFrame, random: np.random.Generator) -> Floats:
    """Return the kind of each game as a vector: partly explained by its genres and themes, partly random."""
    columns, words = indicators(frame["genres"] + ";" + frame["themes"])
    explained = np.asarray(columns @ random.normal(size=(len(words), TASTES)))
    explained /= np.linalg.norm(explained, axis=1, keepdims=True) + 1e-9
    unexplained = random.normal(size=(len(frame), TASTES))
    unexplained /= np.linalg.norm(unexplained, axis=1, keepdims=True)
    directions = np.sqrt(EXPLAINED) * explained + np.sqrt(1 - EXPLAINED) * unexplained
    kinds: Floats = np.sqrt(TASTES) * directions
    return kinds


def _plays(
    liking: Floats, released_at: Floats, count: int, random: np.random.Generator
) -> Iterator[tuple[int, float, float]]:
    """Yield row of the game, hours and moment (0 to 1) of each play of one player, in order of time."""
    # The greatest of values with Gumbel noise is a draw by their exponentials; again and again without
    # replacement.
    values = liking + random.gumbel(size=len(liking))
    for moment in np.sort(random.random(count)).tolist():
        game = int(np.where(released_at <= moment, values, -np.inf).argmax())
        values[game] = -np.inf
        yield game, round(float(random.lognormal(1.5, 1.0)), 1), moment

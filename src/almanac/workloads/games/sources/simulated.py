"""Makes up players whose tastes are known, and games by the thousand, for trials without anybody's data."""

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
# How much of what players like stands in genres and themes; the rest only plays can tell.
TOLD = 0.55
FAME, TASTE = 1.0, 2.2
NEW_GAMES = 0.3
GENRES = "Action Adventure RPG Strategy Simulation Puzzle Platformer Shooter Racing Sports".split()
THEMES = (
    "Fantasy Sci-fi Horror Medieval Space Historical Cyberpunk Zombies Pirates Ninja Mythology Western Noir Dinosaurs Robots Underwater"
    " Farming Crafting Survival Stealth Turn-Based Tactical Rogue-like Metroidvania Co-op Multiplayer Relaxing Difficult Humour Music Mechs"
).split()
FIRST_WORDS = "Amber Broken Crimson Distant Eternal Forgotten Golden Hollow Iron Jade Last Midnight Northern Obsidian Pale Rising Silent Twin".split()
SECOND_WORDS = "Anvil Bastion Circuit Dominion Empire Frontier Garden Harbour Island Journey Kingdom Labyrinth Meridian Oath Passage Quarry".split()


@dataclass(frozen=True)
class World:
    """Made-up plays and the truth behind them: how much each player (a row) likes each game of the catalogue (a column)."""

    plays: pd.DataFrame
    liking: npt.NDArray[np.float64]
    users: list[str]


def catalogue(count: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return made-up games as the contract's `games`, a few very well known and most hardly at all."""
    random = np.random.default_rng([seed, count])
    reviews = np.sort((2e6 / np.arange(1, count + 1) ** 1.1).astype(int))[::-1]
    makers = [f"Studio {number}" for number in random.integers(0, max(count // 3, 1), count)]
    return games.frame(_game(number, random, int(reviews[number]), makers[number]) for number in range(count))


def _game(number: int, random: np.random.Generator, reviews: int, maker: str) -> dict[str, object]:
    words, part = divmod(number, 2)
    name = f"{FIRST_WORDS[words % len(FIRST_WORDS)]} {SECOND_WORDS[words // len(FIRST_WORDS) % len(SECOND_WORDS)]}"
    return {
        "game_id": f"sample:{number}",
        "title": f"{name} {words} {'II' if part else ''}".strip(),
        "released": datetime(2000 + number % 26, 1 + number % 12, 15, tzinfo=UTC).date(),
        "genres": ";".join(random.choice(GENRES, size=2, replace=False)),
        "themes": ";".join(random.choice(THEMES, size=3, replace=False)),
        "platforms": "windows",
        "developer": maker,
        "publisher": maker,
        "reviews": reviews,
        "good_reviews": int(reviews * random.beta(8, 2)),
        "source": SOURCE,
    }


def world(known: pd.DataFrame, *, users: int = 1000, seed: int = SEED) -> World:
    """Return players of the games of `known`, each with a taste, playing one game after the other; some games appear late.

    A player's liking of a game is the fame of the game plus how its kind fits the taste; each play is drawn by it from the games out by then.
    """
    random = np.random.default_rng([seed, users])
    liking = FAME * _fame(known, random) + TASTE * _tastes(users, random) @ _kinds(known, random).T
    out_at = np.where(random.random(len(known)) < NEW_GAMES, random.random(len(known)), 0.0)
    names = [f"player-{number:05d}" for number in range(users)]
    counts = np.clip(random.lognormal(2.6, 0.5, users), 5, len(known) / 3).astype(int)
    rows = [
        row
        for user, count in enumerate(counts)
        for row in _plays(liking[user], out_at, int(count), random, names[user])
    ]
    ids = known["game_id"].to_numpy()
    plays = pd.DataFrame(
        [(user, ids[game], hours, at, SOURCE) for user, game, hours, at in rows], columns=PLAYS.column_names
    )
    return World(
        plays.assign(played_at=pd.to_datetime(plays["played_at"], utc=True).dt.as_unit("us")), liking, names
    )


def _fame(known: pd.DataFrame, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the logarithm of how well known each game is: few are very well known, mostly those with many reviews."""
    order = np.argsort(
        -np.log1p(known["reviews"].to_numpy(dtype=np.float64)) + random.normal(size=len(known))
    )
    fame = np.empty(len(known))
    fame[order] = -np.log(np.arange(1, len(known) + 1))
    return fame


def _tastes(users: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    tastes: npt.NDArray[np.float64] = random.normal(size=(users, TASTES)) / np.sqrt(TASTES)
    return tastes


def _kinds(known: pd.DataFrame, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return what kind of game each is: partly what its genres and themes mean to players, partly what nobody wrote down."""
    found, words = indicators(known["genres"] + ";" + known["themes"])
    told = np.asarray(found @ random.normal(size=(len(words), TASTES)))
    told /= np.linalg.norm(told, axis=1, keepdims=True) + 1e-9
    untold = random.normal(size=(len(known), TASTES))
    untold /= np.linalg.norm(untold, axis=1, keepdims=True)
    kinds: npt.NDArray[np.float64] = np.sqrt(TASTES) * (np.sqrt(TOLD) * told + np.sqrt(1 - TOLD) * untold)
    return kinds


def _plays(
    liking: npt.NDArray[np.float64],
    out_at: npt.NDArray[np.float64],
    count: int,
    random: np.random.Generator,
    name: str,
) -> list[tuple[str, int, float, datetime]]:
    # The greatest of values with Gumbel noise is a draw by their exponentials, again and again without putting back.
    values = liking + random.gumbel(size=len(liking))
    rows = []
    for moment in np.sort(random.random(count)):
        game = int(np.where(out_at <= moment, values, -np.inf).argmax())
        values[game] = -np.inf
        hours = round(float(random.lognormal(1.5, 1.0)), 1)
        rows.append((name, game, hours, ENDS_AT - timedelta(days=DAYS * (1 - float(moment)))))
    return rows

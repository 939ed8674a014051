"""Measures of a release as a whole. The docstring of each measure is published as its description."""

import numpy as np
import pandas as pd

from almanac.workloads.games.contract import HEALTH, LISTED, PLAYERS
from almanac.workloads.games.measuring.inspection import lists_of


def health(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `health` of a run's predictions."""
    rows = [_row(name, predictions) for name in MEASURES]
    return pd.DataFrame(rows, columns=HEALTH.column_names)


def _row(name: str, predictions: pd.DataFrame) -> tuple[str, float, str]:
    measure = MEASURES[name]
    doc = " ".join(str(measure.__doc__).split())
    return name, float(measure(predictions)), doc


def games(predictions: pd.DataFrame) -> float:
    """Games with lists."""
    return len(predictions)


def full_lists(predictions: pd.DataFrame) -> float:
    """Share of games whose served lists, similar and recommended, both have all ten."""
    is_full = predictions["similar"].map(len) == LISTED
    return float((is_full & (lists_of(predictions).map(len) == LISTED)).mean())


def coverage(predictions: pd.DataFrame) -> float:
    """Share of the catalogue that stands in at least one list."""
    listed = {entry["game_id"] for entries in lists_of(predictions) for entry in entries}
    return len(listed) / max(len(predictions), 1)


def same_genre(predictions: pd.DataFrame) -> float:
    """Share of similar games with the same main genre as the game they stand beside
    (a proxy of quality, no proof)."""
    genre_of = predictions.set_index("game_id")["main_genre"].to_dict()
    lists = zip(predictions["main_genre"], predictions["similar"], strict=True)
    pairs = [(genre, entry["game_id"]) for genre, entries in lists for entry in entries]
    hits = [genre == genre_of[neighbour] for genre, neighbour in pairs]
    return float(np.mean(hits)) if hits else 0.0


def median_best_score(predictions: pd.DataFrame) -> float:
    """Median score of the first similar game."""
    best = [entries[0]["score"] if entries else 0.0 for entries in predictions["similar"]]
    return float(np.median(best))


def by_players(predictions: pd.DataFrame) -> float:
    """Share of the entries of recommended lists that plays have brought; content has brought all others."""
    entries = [entry for listed in lists_of(predictions) for entry in listed]
    return float(np.mean([entry.get("by") == PLAYERS for entry in entries])) if entries else 0.0


def played_games(predictions: pd.DataFrame) -> float:
    """Games that somebody among the imported players has played."""
    return int((predictions["players"] > 0).sum())


MEASURES = {
    "games": games,
    "full_lists": full_lists,
    "coverage": coverage,
    "same_genre": same_genre,
    "median_best_score": median_best_score,
    "by_players": by_players,
    "played_games": played_games,
}

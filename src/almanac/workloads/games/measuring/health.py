"""How a release looks as a whole, and what can be measured without anybody's plays: proxies, and called so."""

import numpy as np
import pandas as pd

from almanac.workloads.games.contract import HEALTH, LISTED


def health(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `health` of a run's predictions."""
    rows = [
        (name, float(measure(predictions)), (measure.__doc__ or "").strip())
        for name, measure in MEASURES.items()
    ]
    return pd.DataFrame(rows, columns=HEALTH.column_names)


def games(predictions: pd.DataFrame) -> float:
    """Games with lists."""
    return len(predictions)


def full_lists(predictions: pd.DataFrame) -> float:
    """Share of games whose similar list has all ten."""
    return float((predictions["similar"].map(len) == LISTED).mean())


def coverage(predictions: pd.DataFrame) -> float:
    """Share of the catalogue that stands in at least one list."""
    shown = {entry["game_id"] for entries in _lists(predictions) for entry in entries}
    return len(shown) / max(len(predictions), 1)


def same_genre(predictions: pd.DataFrame) -> float:
    """Share of similar games with the same main genre as the game they stand beside (a proxy of quality, no proof)."""
    genre = dict(zip(predictions["game_id"], predictions["main_genre"], strict=True))
    pairs = zip(predictions["main_genre"], predictions["similar"], strict=True)
    hits = [genre[entry["game_id"]] == own for own, entries in pairs for entry in entries]
    return float(np.mean(hits)) if hits else 0.0


def median_best_score(predictions: pd.DataFrame) -> float:
    """Median score of the first similar game."""
    return float(np.median([entries[0]["score"] if entries else 0.0 for entries in predictions["similar"]]))


def played_games(predictions: pd.DataFrame) -> float:
    """Games that somebody among the imported players has played."""
    return int((predictions["players"] > 0).sum())


MEASURES = {
    "games": games,
    "full_lists": full_lists,
    "coverage": coverage,
    "same_genre": same_genre,
    "median_best_score": median_best_score,
    "played_games": played_games,
}


def _lists(predictions: pd.DataFrame) -> pd.Series:
    return predictions["recommended"].where(predictions["recommended"].notna(), predictions["similar"])

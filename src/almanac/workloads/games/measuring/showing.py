"""What the notebooks show of lists: the best known games side by side, what drives a similarity, who is listed how often."""

from collections import Counter

import numpy as np
import pandas as pd
from sklearn.base import clone

from almanac.workloads.games.encoding import FIELDS, FieldEncoder
from almanac.workloads.games.nearest import Places
from almanac.workloads.games.shared.spelling import title_key

# Games that nearly everybody knows, of five kinds; the first that a catalogue has of each kind is shown.
WELL_KNOWN = (
    ("The Witcher 3: Wild Hunt", "The Elder Scrolls V: Skyrim"),
    ("Portal 2", "Portal"),
    ("Sid Meier's Civilization V", "Sid Meier's Civilization VI"),
    ("Counter-Strike: Global Offensive", "Counter-Strike"),
    ("Cities: Skylines", "SimCity 4"),
)


def well_known(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of five well-known games, as far as they are known."""
    place = {key: row for row, key in reversed(list(enumerate(predictions["title_key"])))}
    rows = [
        next((place[title_key(title)] for title in titles if title_key(title) in place), None)
        for titles in WELL_KNOWN
    ]
    return predictions.iloc[[row for row in rows if row is not None]]


def side_by_side(predictions: pd.DataFrame, column: str = "similar") -> pd.DataFrame:
    """Return the lists of five well-known games, one column each; `recommended` falls back to `similar`."""
    shown = well_known(predictions)
    lists = shown[column].where(shown[column].notna(), shown["similar"])
    return pd.DataFrame(
        {
            title: pd.Series([entry["title"] for entry in entries])
            for title, entries in zip(shown["title"], lists, strict=True)
        }
    )


def reasons(predictions: pd.DataFrame, *, rows: int = 3) -> pd.DataFrame:
    """Return the first entries of the lists of five well-known games with score and reason."""
    shown = well_known(predictions)
    pairs = zip(shown["title"], shown["similar"], strict=True)
    return pd.DataFrame(
        [{"game": title, **entry} for title, entries in pairs for entry in entries[:rows]]
    ).drop(columns="game_id")


def drivers(
    encoder: FieldEncoder, catalogue: pd.DataFrame, predictions: pd.DataFrame, *, games: int = 300
) -> pd.DataFrame:
    """Return how much each field gives to the similarity of the best known games and their ten, and to that of random pairs."""
    place = dict(zip(catalogue["game_id"], range(len(catalogue)), strict=True))
    top = predictions.sort_values("rank").head(games)
    pairs = [
        (place[game], place[entry["game_id"]])
        for game, entries in zip(top["game_id"], top["similar"], strict=True)
        for entry in entries
    ]
    ones, others = np.array(pairs).T
    drawn = np.random.default_rng(0).integers(len(catalogue), size=len(ones))
    rows = {
        field: _given(encoder, catalogue, field, (ones, others, drawn))
        for field in FIELDS
        if encoder.weights.get(field)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["neighbours", "random pairs"]).sort_values(
        "neighbours", ascending=False
    )


def _given(
    encoder: FieldEncoder, catalogue: pd.DataFrame, field: str, pairs: tuple[Places, Places, Places]
) -> tuple[float, float]:
    alone = clone(encoder).set_params(weights={field: 1.0})
    alone.rarity_ = encoder.rarity_
    encoded = alone.transform(catalogue)
    share = float(encoder.weights[field]) / float(sum(encoder.weights.values()))
    ones, others, drawn = pairs
    return share * encoded.between(ones, others), share * encoded.between(ones, drawn)


def listed(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each game stands in the lists of others: game_id, rank, times."""
    lists = predictions["recommended"].where(predictions["recommended"].notna(), predictions["similar"])
    times = Counter(entry["game_id"] for entries in lists for entry in entries)
    return pd.DataFrame(
        {
            "game_id": predictions["game_id"],
            "rank": predictions["rank"],
            "times": [times[game] for game in predictions["game_id"]],
        }
    )

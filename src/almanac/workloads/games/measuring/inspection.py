"""Tables about lists for the notebooks: side by side, drivers of similarity, how often games are listed."""

from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from almanac.workloads.games.encoding import FIELDS, FieldEncoder, Rows
from almanac.workloads.games.played import rows_of
from almanac.workloads.games.shared.spelling import title_key

# Games that nearly everybody knows, of five kinds; of each kind the first that a catalogue has is taken.
WELL_KNOWN = (
    ("The Witcher 3: Wild Hunt", "The Elder Scrolls V: Skyrim"),
    ("Portal 2", "Portal"),
    ("Sid Meier's Civilization V", "Sid Meier's Civilization VI"),
    ("Counter-Strike: Global Offensive", "Counter-Strike"),
    ("Cities: Skylines", "SimCity 4"),
)


def well_known(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of five well-known games, as far as the predictions have them."""
    keys = predictions["title_key"].tolist()
    rows = [row for titles in WELL_KNOWN for row in _first_row(keys, titles)]
    return predictions.iloc[rows]


def _first_row(keys: list[str], titles: tuple[str, ...]) -> list[int]:
    """Return the row of the first title that the keys have, [] without any."""
    present = [key for key in map(title_key, titles) if key in keys]
    return [keys.index(key) for key in present[:1]]


def lists_of(predictions: pd.DataFrame, column: str = "recommended") -> pd.Series:
    """Return the lists of each game; `similar` where `recommended` is null."""
    return predictions[column].where(predictions[column].notna(), predictions["similar"])


def side_by_side(predictions: pd.DataFrame, column: str = "similar") -> pd.DataFrame:
    """Return the titles in the lists of five well-known games, one column each."""
    games = well_known(predictions)
    columns = lists_of(games, column).map(_titles)
    return pd.DataFrame(dict(zip(games["title"], columns, strict=True)))


def _titles(entries: list[dict[str, Any]]) -> pd.Series:
    return pd.Series([entry["title"] for entry in entries])


def reasons(predictions: pd.DataFrame, *, rows: int = 3) -> pd.DataFrame:
    """Return the first entries of the lists of five well-known games with score and reason."""
    games = well_known(predictions)
    lists = zip(games["title"], games["similar"], strict=True)
    entries = [{"game": title, **entry} for title, entries in lists for entry in entries[:rows]]
    return pd.DataFrame(entries).drop(columns="game_id")


def drivers(
    encoder: FieldEncoder, catalogue: pd.DataFrame, predictions: pd.DataFrame, *, games: int = 300
) -> pd.DataFrame:
    """Return the contribution of each field to the similarity of the best known games and their ten.

    A second column has the contribution to the similarity of random pairs.
    """
    lefts, rights = _neighbour_pairs(catalogue, predictions.sort_values("rank").head(games))
    random = np.random.default_rng(0).integers(len(catalogue), size=len(lefts))
    pairs = {"neighbours": (lefts, rights), "random pairs": (lefts, random)}
    fields = [field for field in FIELDS if encoder.weights.get(field)]
    rows = [_contributions(encoder, catalogue, field, pairs) for field in fields]
    return pd.DataFrame(rows, index=fields).sort_values("neighbours", ascending=False)


def _neighbour_pairs(catalogue: pd.DataFrame, predictions: pd.DataFrame) -> tuple[Rows, Rows]:
    entries = predictions.set_index("game_id")["similar"].explode().dropna()
    neighbours = entries.map(itemgetter("game_id"))
    return rows_of(entries.index.to_series(), catalogue), rows_of(neighbours, catalogue)


def _contributions(
    encoder: FieldEncoder, catalogue: pd.DataFrame, field: str, pairs: Mapping[str, tuple[Rows, Rows]]
) -> dict[str, float]:
    """Return the mean similarity by one field, times its share, for each kind of pairs."""
    alone = clone(encoder).set_params(weights={field: 1.0})
    alone.rarity_ = encoder.rarity_
    encoded, share = alone.transform(catalogue), encoder.share(field)
    return {kind: share * encoded.mean_pair_similarity(*rows) for kind, rows in pairs.items()}


def listed(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each game is in the lists of others: game_id, rank, times."""
    times = Counter(entry["game_id"] for entries in lists_of(predictions) for entry in entries)
    return predictions[["game_id", "rank"]].assign(times=predictions["game_id"].map(times.__getitem__))

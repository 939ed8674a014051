"""Tables about lists for the notebooks: side by side, drivers of similarity, how often games are listed."""

from collections import Counter

import numpy as np
import pandas as pd
from sklearn.base import clone

from almanac.workloads.games.encoding import FIELDS, Encoded, FieldEncoder, Rows
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
    rows = [_first_row(keys, titles) for titles in WELL_KNOWN]
    return predictions.iloc[[row for row in rows if row is not None]]


def _first_row(keys: list[str], titles: tuple[str, ...]) -> int | None:
    return next((keys.index(key) for key in map(title_key, titles) if key in keys), None)


def lists_of(predictions: pd.DataFrame, column: str = "recommended") -> pd.Series:
    """Return the lists of each game; `similar` where `recommended` is null."""
    return predictions[column].where(predictions[column].notna(), predictions["similar"])


def side_by_side(predictions: pd.DataFrame, column: str = "similar") -> pd.DataFrame:
    """Return the titles in the lists of five well-known games, one column each."""
    games = well_known(predictions)
    lists = zip(games["title"], lists_of(games, column), strict=True)
    return pd.DataFrame({title: pd.Series([entry["title"] for entry in entries]) for title, entries in lists})


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
    fields = [field for field in FIELDS if encoder.weights.get(field)]
    total = float(sum(encoder.weights.values()))
    rows = {}
    for field in fields:
        share = float(encoder.weights[field]) / total
        encoded = _encoded_by(encoder, catalogue, field)
        pairs = ((lefts, rights), (lefts, random))
        rows[field] = [share * encoded.mean_pair_similarity(*pair) for pair in pairs]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["neighbours", "random pairs"])
    return frame.sort_values("neighbours", ascending=False)


def _neighbour_pairs(catalogue: pd.DataFrame, predictions: pd.DataFrame) -> tuple[Rows, Rows]:
    row_of = dict(zip(catalogue["game_id"], range(len(catalogue)), strict=True))
    lists = zip(predictions["game_id"], predictions["similar"], strict=True)
    pairs = [(row_of[game], row_of[entry["game_id"]]) for game, entries in lists for entry in entries]
    lefts, rights = np.array(pairs).T
    return lefts, rights


def _encoded_by(encoder: FieldEncoder, catalogue: pd.DataFrame, field: str) -> Encoded:
    alone = clone(encoder).set_params(weights={field: 1.0})
    alone.rarity_ = encoder.rarity_
    encoded: Encoded = alone.transform(catalogue)
    return encoded


def listed(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each game is in the lists of others: game_id, rank, times."""
    times = Counter(entry["game_id"] for entries in lists_of(predictions) for entry in entries)
    counts = [times[game] for game in predictions["game_id"]]
    return predictions[["game_id", "rank"]].assign(times=counts)

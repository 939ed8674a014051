"""How well recommendations meet what players took to later, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Interval
from almanac.workloads.games.content import Scorer
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.encoding import Array
from almanac.workloads.games.features import Known
from almanac.workloads.games.played import histories_of, places_of

LEAST_PLAYS = 5
HELD_SHARE = 0.2
MOST_USERS = 2000
CHUNK = 256
LOSSES = {"ndcg_at_10": "ndcg", "recall_at_10": "recall"}


@dataclass(frozen=True)
class Split:
    """What models are fitted on, and for each tested player the plays that were held back."""

    train: Known
    held: pd.DataFrame
    users: list[str]


@dataclass(frozen=True)
class Outcome:
    """What became of one model's lists: recall and NDCG of each player, and the games listed (a row of places per player)."""

    recall: Floats
    ndcg: Floats
    listed: npt.NDArray[np.int64]


def split(known: Known, *, seed: int, most_users: int = MOST_USERS) -> Split:
    """Hold back a fifth of the plays of each player with at least five: the latest where all times are known, else drawn ones.

    At most `most_users` players are tested; the plays of all others are kept whole. Training counts players without the held plays.
    """
    plays = known.plays
    counts = plays.groupby("user_id")["game_id"].transform("size")
    users = sorted(plays.loc[counts >= LEAST_PLAYS, "user_id"].unique())
    if len(users) > most_users:
        users = sorted(np.random.default_rng(seed).choice(users, most_users, replace=False).tolist())
    held = _held(plays[plays["user_id"].isin(users)], seed)
    rest = plays.drop(index=held.index).reset_index(drop=True)
    players = known.catalogue["game_id"].map(rest["game_id"].value_counts()).fillna(0).astype("int64")
    return Split(Known(known.catalogue.assign(players=players), rest), held.reset_index(drop=True), users)


def _held(plays: pd.DataFrame, seed: int) -> pd.DataFrame:
    drawn = pd.Series(np.random.default_rng(seed).random(len(plays)), index=plays.index)
    seconds = (plays["played_at"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    timed = seconds.groupby(plays["user_id"]).transform(lambda times: times.notna().all()).astype(bool)
    order = seconds.where(timed, drawn)
    ordered = plays.assign(order=order).sort_values(["user_id", "order", "game_id"], kind="stable")
    place = ordered.groupby("user_id").cumcount(ascending=False)
    size = ordered.groupby("user_id")["game_id"].transform("size")
    return ordered[place < np.maximum((size * HELD_SHARE).round(), 1)].drop(columns="order")


def outcome(parts: Split, scorer: Scorer) -> Outcome:
    """Rank all games that a tested player has not played by a scorer, and see how many of the held ones are among the ten best."""
    catalogue = parts.train.catalogue
    histories = histories_of(parts.train.plays, parts.users, catalogue)
    held = _truth(parts, catalogue)
    best = [
        _ten_best(scorer(histories[start : start + CHUNK]), histories[start : start + CHUNK])
        for start in range(0, len(parts.users), CHUNK)
    ]
    listed = np.vstack(best)
    hits = np.array(
        [[game in wanted for game in row] for row, wanted in zip(listed.tolist(), held, strict=True)],
        dtype=np.float64,
    )
    return Outcome(
        recall_at_10(hits, [len(wanted) for wanted in held]),
        ndcg_at_10(hits, [len(wanted) for wanted in held]),
        listed,
    )


def _truth(parts: Split, catalogue: pd.DataFrame) -> list[set[int]]:
    places = (
        pd.Series(places_of(parts.held["game_id"], catalogue))
        .groupby(parts.held["user_id"].to_numpy())
        .agg(set)
    )
    return [set(places[user]) for user in parts.users]


def _ten_best(scores: Array, histories: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    scores = np.where(histories.toarray() > 0, -np.inf, scores)
    chosen = np.argpartition(-scores, LISTED - 1, axis=1)[:, :LISTED]
    order = np.argsort(-np.take_along_axis(scores, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def recall_at_10(hits: Floats, wanted: list[int]) -> Floats:
    """Return for each list the hits among ten, of as many as there could be.

    >>> recall_at_10(np.array([[1.0, 0.0, 1.0] + [0.0] * 7]), [4]).tolist()
    [0.5]
    """
    shares: Floats = hits.sum(axis=1) / np.minimum(wanted, LISTED)
    return shares


def ndcg_at_10(hits: Floats, wanted: list[int]) -> Floats:
    """Return for each list the discounted gain (1 / log2(place + 1) for each hit) beside that of a perfect list.

    >>> ndcg_at_10(np.array([[0.0, 1.0] + [0.0] * 8]), [1]).round(4).tolist()
    [0.6309]
    """
    gains = 1.0 / np.log2(np.arange(2, LISTED + 2))
    ideal = np.array([gains[: min(count, LISTED)].sum() for count in wanted])
    shares: Floats = (hits * gains).sum(axis=1) / ideal
    return shares


def score(found: Outcome, catalogue: pd.DataFrame) -> dict[str, float]:
    """Return recall_at_10, ndcg_at_10, coverage (share of the catalogue listed to anybody), novelty and n of a model's lists.

    Novelty is the mean surprise of a listed game, -log2 of the share of plays that it has (one more than counted, so that none is endless).
    """
    players = catalogue["players"].to_numpy(dtype=np.float64) + 1.0
    surprise = -np.log2(players / players.sum())
    return {
        "recall_at_10": float(found.recall.mean()),
        "ndcg_at_10": float(found.ndcg.mean()),
        "coverage": len(np.unique(found.listed)) / len(catalogue),
        "novelty": float(surprise[found.listed].mean()),
        "n": len(found.recall),
    }


def table(parts: Split, scorers: dict[str, Scorer]) -> tuple[pd.DataFrame, dict[str, Outcome]]:
    """Return the scores of several models on the same players, best NDCG first, and what became of each."""
    found = {name: outcome(parts, scorer) for name, scorer in scorers.items()}
    rows = {name: score(each, parts.train.catalogue) for name, each in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").sort_values(
        "ndcg_at_10", ascending=False
    ), found


def intervals(found: Outcome, *, seed: int) -> dict[str, Interval]:
    """Return recall and NDCG with 95 % bootstrap intervals over players."""
    return {
        name: metrics.bootstrap_interval(getattr(found, part), seed=seed) for name, part in LOSSES.items()
    }


def compare(ours: Outcome, theirs: Outcome, *, seed: int) -> dict[str, Interval]:
    """Return their score minus ours on the same players, with paired bootstrap intervals; below zero ours are better, as with losses."""
    return {
        name: metrics.paired_bootstrap(-getattr(ours, part), -getattr(theirs, part), seed=seed)
        for name, part in LOSSES.items()
    }

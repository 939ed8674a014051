"""How well recommendations meet the plays that were held out, and how sure that is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pandas as pd
from scipy import sparse

from almanac.judging.scores import Floats, Interval, bootstrap_interval, paired_bootstrap
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.encoding import Array, Recommender, Rows, Scorer
from almanac.workloads.games.features import Dataset, players
from almanac.workloads.games.played import histories_of, rows_of

LEAST_PLAYS = 5
HELD_OUT_SHARE = 0.2
MOST_USERS = 2000
CHUNK = 256


@dataclass(frozen=True)
class Split:
    """The data that models are fitted on, and the held-out plays of each tested player."""

    train: Dataset
    held_out: pd.DataFrame
    users: list[str]


@dataclass(frozen=True)
class PlayerScores:
    """The scores of one model: recall and NDCG of each player, and a row of ten listed games per player."""

    recall: Floats
    ndcg: Floats
    lists: Rows


# The metrics of each player by their names in a table.
METRICS: Mapping[str, Callable[[PlayerScores], Floats]] = {
    "ndcg_at_10": attrgetter("ndcg"),
    "recall_at_10": attrgetter("recall"),
}


def split(data: Dataset, *, seed: int, most_users: int = MOST_USERS) -> Split:
    """Hold out a fifth of the plays of each player with at least five.

    A player's latest plays are held out where all times are known, otherwise random ones. At most
    `most_users` players are tested; the plays of all others stay in training. `players` of the training
    catalogue counts no held-out play.
    """
    users = _tested_users(data.plays, seed, most_users)
    tested = data.plays[data.plays["user_id"].isin(users)]
    held_out = _held_out(_in_order(tested, seed))
    rest = data.plays.drop(index=held_out.index)
    return Split(_training(data.catalogue, rest), held_out.reset_index(drop=True), users)


def _tested_users(plays: pd.DataFrame, seed: int, most_users: int) -> list[str]:
    counts = plays.groupby("user_id")["game_id"].transform("size")
    users = sorted(plays.loc[counts >= LEAST_PLAYS, "user_id"].unique())
    if len(users) <= most_users:
        return users
    sample = np.random.default_rng(seed).choice(users, most_users, replace=False)
    return sorted(sample.tolist())


def _training(catalogue: pd.DataFrame, plays: pd.DataFrame) -> Dataset:
    counted = catalogue.assign(players=players(catalogue, plays))
    return Dataset(counted, plays.reset_index(drop=True))


def _held_out(ordered: pd.DataFrame) -> pd.DataFrame:
    """Return the last plays of each player."""
    games = ordered.groupby("user_id")["game_id"]
    places_from_end = games.cumcount(ascending=False)
    counts = (games.transform("size") * HELD_OUT_SHARE).round()
    return ordered[places_from_end < np.maximum(counts, 1)]


def _in_order(plays: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the plays of each player by time, or in random order for players with an unknown time."""
    numbers = np.random.default_rng(seed).random(len(plays))
    random = pd.Series(numbers, index=plays.index)
    order = _seconds(plays).where(_have_times(plays), random)
    columns = ["user_id", "order", "game_id"]
    return plays.assign(order=order).sort_values(columns, kind="stable").drop(columns="order")


def _seconds(plays: pd.DataFrame) -> pd.Series:
    epoch = pd.Timestamp(0, tz="UTC")
    return (plays["played_at"] - epoch).dt.total_seconds()


def _have_times(plays: pd.DataFrame) -> pd.Series:
    """Return for each play whether all times of its player are known."""
    is_known = plays["played_at"].notna()
    return is_known.groupby(plays["user_id"]).transform("all").astype(bool)


def rank(parts: Split, scorer: Scorer) -> PlayerScores:
    """Rank the games that each tested player has not played, and score the ten best by the held-out plays."""
    histories = histories_of(parts.train.plays, parts.users, parts.train.catalogue)
    return score_lists(top_lists(scorer, histories), held_out_rows(parts))


def top_lists(scorer: Scorer, histories: sparse.csr_matrix) -> Rows:
    """Return the rows of the ten best games for each history, best first, without its own games."""
    chunks = (histories[rows] for rows in chunk_slices(histories.shape[0]))
    return np.vstack([top_ten(scorer(chunk), chunk) for chunk in chunks])


def chunk_slices(count: int) -> Iterator[slice]:
    """Yield slices that cover `count` rows, so that the scores of few players are in memory at once."""
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


def top_ten(scores: Array, histories: sparse.csr_matrix) -> Rows:
    """Return the columns of the ten greatest scores of each row, greatest first, without its history."""
    losses = -np.where(histories.toarray() > 0, -np.inf, scores)
    ten = np.argpartition(losses, LISTED - 1, axis=1)[:, :LISTED]
    ten_losses = np.take_along_axis(losses, ten, axis=1)
    order = np.argsort(ten_losses, axis=1, kind="stable")
    return np.take_along_axis(ten, order, axis=1)


def held_out_rows(parts: Split) -> list[set[int]]:
    """Return for each tested player the rows of the held-out games in the catalogue."""
    rows = pd.Series(rows_of(parts.held_out["game_id"], parts.train.catalogue))
    by_user = rows.groupby(parts.held_out["user_id"].to_numpy()).agg(set)
    return [set(by_user[user]) for user in parts.users]


def score_lists(lists: Rows, held_out: list[set[int]]) -> PlayerScores:
    """Return the scores of lists; `held_out` are the right games of each."""
    pairs = zip(lists.tolist(), held_out, strict=True)
    hits = np.array([_hits(games, right) for games, right in pairs], dtype=np.float64)
    counts = [len(right) for right in held_out]
    return PlayerScores(recall_at_10(hits, counts), ndcg_at_10(hits, counts), lists)


def _hits(games: list[int], right: set[int]) -> list[bool]:
    return [game in right for game in games]


def recall_at_10(hits: Floats, counts: list[int]) -> Floats:
    """Return for each list the hits among ten, divided by the most there could be of `counts` right games.

    >>> recall_at_10(np.array([[1.0, 0.0, 1.0] + [0.0] * 7]), [4]).tolist()
    [0.5]
    """
    shares: Floats = hits.sum(axis=1) / np.minimum(counts, LISTED)
    return shares


def ndcg_at_10(hits: Floats, counts: list[int]) -> Floats:
    """Return for each list the gain, 1 / log2(place + 1) for each hit, divided by that of a perfect list.

    >>> ndcg_at_10(np.array([[0.0, 1.0] + [0.0] * 8]), [1]).round(4).tolist()
    [0.6309]
    """
    gains = 1.0 / np.log2(np.arange(2, LISTED + 2))
    perfect = np.array([gains[:count].sum() for count in counts])
    shares: Floats = (hits * gains).sum(axis=1) / perfect
    return shares


def score(scores: PlayerScores, catalogue: pd.DataFrame) -> dict[str, float]:
    """Return recall_at_10, ndcg_at_10, coverage, novelty and n of a model's lists.

    Coverage is the share of the catalogue that is listed to anybody. Novelty is the mean of -log2 of the
    share of plays of a listed game; each game counts one play more than it has, so that none is infinite.
    """
    plays = catalogue["players"].to_numpy(dtype=np.float64) + 1.0
    surprise = -np.log2(plays / plays.sum())
    return {
        "recall_at_10": float(scores.recall.mean()),
        "ndcg_at_10": float(scores.ndcg.mean()),
        "coverage": len(np.unique(scores.lists)) / len(catalogue),
        "novelty": float(surprise[scores.lists].mean()),
        "n": len(scores.recall),
    }


def table(parts: Split, fitted: Mapping[str, Recommender]) -> tuple[pd.DataFrame, dict[str, PlayerScores]]:
    """Return the scores of several models on the same players, best NDCG first, and those of each player."""
    catalogue = parts.train.catalogue
    by_model = {name: rank(parts, model.scorer(catalogue)) for name, model in fitted.items()}
    means = {name: score(scores, catalogue) for name, scores in by_model.items()}
    frame = pd.DataFrame.from_dict(means, orient="index").rename_axis("model")
    return frame.sort_values("ndcg_at_10", ascending=False), by_model


def intervals(scores: PlayerScores, *, seed: int) -> dict[str, Interval]:
    """Return recall and NDCG with 95 % bootstrap intervals over players."""
    return {metric: bootstrap_interval(of(scores), seed=seed) for metric, of in METRICS.items()}


def compare(ours: PlayerScores, theirs: PlayerScores, *, seed: int) -> dict[str, Interval]:
    """Return their score minus ours on the same players, with paired bootstrap intervals.

    Less than zero means that ours are better, as with losses.
    """
    losses = {metric: (-of(ours), -of(theirs)) for metric, of in METRICS.items()}
    return {metric: paired_bootstrap(*pair, seed=seed) for metric, pair in losses.items()}

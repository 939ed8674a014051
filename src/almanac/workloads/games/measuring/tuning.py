"""Finds the weights of the blend with the best NDCG on plays that no member has seen."""

from collections.abc import Mapping

import numpy as np

from almanac.workloads.games import evaluation, model
from almanac.workloads.games.blend import Blend, weighted_sum
from almanac.workloads.games.evaluation import Split, chunk_slices, score_lists, top_ten
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.played import histories_of

STEPS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
# Members that score every player alike get less weight than members that look at the games of a player.
SAME_FOR_ALL, SAME_FOR_ALL_STEPS = ("popularity", "trending"), (0.0, 0.1, 0.2, 0.3)
TUNED = [name for name in model.BLEND if name != "ease"]
ROUNDS = 2
MOST_USERS = 600


def weigh(data: Dataset, *, seed: int) -> dict[str, float]:
    """Return weights for the blend, tuned one after the other on held-out plays; EASE keeps the weight 1."""
    parts = evaluation.split(data, seed=seed, most_users=MOST_USERS)
    objective = _Objective(parts, model.fit(model.single("blend"), parts.train))
    weights = dict(model.BLEND)
    for name in TUNED * ROUNDS:
        steps = SAME_FOR_ALL_STEPS if name in SAME_FOR_ALL else STEPS
        weights = max(({**weights, name: step} for step in steps), key=objective.ndcg)
    return weights


class _Objective:
    """Keeps the scores of the members for the tested players, so that many weights can be tried."""

    def __init__(self, parts: Split, blend: Blend) -> None:
        catalogue = parts.train.catalogue
        self.histories = histories_of(parts.train.plays, parts.users, catalogue)
        self.held_out = evaluation.held_out_rows(parts)
        self.parts = blend.part_scorer(catalogue)(self.histories)

    def ndcg(self, weights: Mapping[str, float]) -> float:
        """Return the mean NDCG of the blend with these weights."""
        scores = weighted_sum(self.parts, weights)
        chunks = chunk_slices(len(scores))
        lists = [top_ten(scores[rows], self.histories[rows]) for rows in chunks]
        return float(score_lists(np.vstack(lists), self.held_out).ndcg.mean())

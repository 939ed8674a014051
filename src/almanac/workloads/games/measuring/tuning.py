"""Finds parameters of EASE, weights of the blend, and the candidate, on plays that no model has seen."""

from collections.abc import Mapping

import numpy as np

from almanac.judging.promotion import KINDS
from almanac.workloads.games import evaluation, model
from almanac.workloads.games.blend import Blend, weighted_sum
from almanac.workloads.games.evaluation import PlayerScores, Split, chunk_slices, score_lists, top_ten
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.played import histories_of

# The candidate that needs no plays.
WITHOUT_EVIDENCE = "content"
STEPS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
# Members that score every player alike get less weight than members that look at the games of a player.
SAME_FOR_ALL, SAME_FOR_ALL_STEPS = ("popularity", "trending"), (0.0, 0.1, 0.2, 0.3)
TUNED = [name for name in model.BLEND if name != "ease"]
ROUNDS = 2
MOST_USERS = 600
# Parameters of EASE in the order in which they are chosen. A small penalty needs many plays; players of few
# games say how popular a game is, and little of what else they took to.
EASE_STEPS: Mapping[str, tuple[float, ...]] = {
    "penalty": (25.0, 50.0, 100.0, 200.0, 400.0),
    "least_games": (1, 2, 4),
    "most_games": (1000, 3000),
}


def ease_parameters(data: Dataset, *, seed: int) -> dict[str, float]:
    """Return the parameters of EASE with the best NDCG on held-out plays, chosen one after the other.

    Without a player to test they are those of `model.EASE`.
    """
    parts, chosen = evaluation.split(data, seed=seed, most_users=MOST_USERS), dict(model.EASE)
    if not parts.users:
        return chosen
    ndcg = _EaseObjective(parts)
    for name, steps in EASE_STEPS.items():
        chosen = max(({**chosen, name: step} for step in steps), key=ndcg)
    return chosen


class _EaseObjective:
    """The mean NDCG of EASE on the held-out plays of a split by its parameters, each fitted once."""

    def __init__(self, parts: Split) -> None:
        self.parts = parts
        self.played = parts.train.plays["game_id"].nunique()
        self.results = dict[tuple[float, ...], float]()

    def __call__(self, parameters: Mapping[str, float]) -> float:
        # All numbers of games beyond those that are played are the same.
        most_games = min(parameters["most_games"], self.played)
        key = parameters["penalty"], parameters["least_games"], most_games
        if key not in self.results:
            self.results[key] = self._ndcg(parameters)
        return self.results[key]

    def _ndcg(self, parameters: Mapping[str, float]) -> float:
        fitted = model.fit(model.single("ease", ease=parameters), self.parts.train)
        scores = evaluation.rank(self.parts, fitted.scorer(self.parts.train.catalogue))
        return float(scores.ndcg.mean())


def candidate(scores: Mapping[str, PlayerScores], *, seed: int) -> str:
    """Return the candidate with the best NDCG, or content where plays do not show that it beats popularity.

    Fewer players than the promotion rule needs show nothing.
    """
    others = [name for name in scores if name != model.BASELINE]
    best = max(others, key=lambda name: scores[name].ndcg.mean(), default=WITHOUT_EVIDENCE)
    if best not in scores or len(scores[best].ndcg) < KINDS["plays"].minimum_cases:
        return WITHOUT_EVIDENCE
    difference = evaluation.compare(scores[best], scores[model.BASELINE], seed=seed)["ndcg_at_10"]
    return best if difference.high < 0 else WITHOUT_EVIDENCE


def weigh(data: Dataset, *, seed: int, ease: Mapping[str, float] = model.EASE) -> dict[str, float]:
    """Return weights for the blend, tuned one after the other on held-out plays; EASE keeps the weight 1.

    Without a player to test they are those of `model.BLEND`.
    """
    parts = evaluation.split(data, seed=seed, most_users=MOST_USERS)
    if not parts.users:
        return dict(model.BLEND)
    objective = _Objective(parts, model.fit(model.single("blend", ease=ease), parts.train))
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

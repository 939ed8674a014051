"""Finds the weights of the blend: the ones with the best NDCG on plays that no member has seen."""

from collections.abc import Mapping

from almanac.workloads.games import evaluation, model
from almanac.workloads.games.blend import Blend, combined
from almanac.workloads.games.evaluation import Split
from almanac.workloads.games.features import Known
from almanac.workloads.games.played import histories_of

STEPS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
# What is the same for everybody may not drown what is about the game.
PLAIN, PLAIN_STEPS = ("popularity", "trending"), (0.0, 0.1, 0.2, 0.3)
ROUNDS = 2
MOST_USERS = 600


def weigh(known: Known, *, seed: int) -> dict[str, float]:
    """Return weights for the blend, found one after the other on held-back plays of `known`; EASE keeps the weight 1."""
    parts = evaluation.split(known, seed=seed, most_users=MOST_USERS)
    measure = _Measure(parts, model.fit(model.single("blend"), parts.train))
    weights = dict(model.BLEND)
    for _ in range(ROUNDS):
        for name in weights:
            if name != "ease":
                weights = max(
                    ({**weights, name: step} for step in (PLAIN_STEPS if name in PLAIN else STEPS)),
                    key=measure.ndcg,
                )
    return weights


class _Measure:
    """Keeps what the members say of the tested players, so that many weights can be tried."""

    def __init__(self, parts: Split, blend: Blend) -> None:
        self.parts = parts
        histories = histories_of(parts.train.plays, parts.users, parts.train.catalogue)
        self.told = blend.teller(parts.train.catalogue)(histories)

    def ndcg(self, weights: Mapping[str, float]) -> float:
        """Return the mean NDCG of the blend with these weights."""
        scores = combined(self.told, weights)
        chunks = iter(range(0, len(scores), evaluation.CHUNK))
        return float(
            evaluation.outcome(
                self.parts, lambda _: scores[(at := next(chunks)) : at + evaluation.CHUNK]
            ).ndcg.mean()
        )

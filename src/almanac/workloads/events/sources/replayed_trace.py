"""A history of batches from a trace, replayed against a simulated clock.

The sizes vary, so that a model can learn from them.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import HISTORY, LARGEST_BATCH
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.rules import Start, Unlearning
from almanac.workloads.events.replays.load import HEAVY, Processing, make
from almanac.workloads.events.replays.replay import Replay, ReplayQueue, run
from almanac.workloads.events.replays.trace import Trace

# Bounds of the random waits, in objectives.
WAITS = (0.1, 0.9)
# No policy sized these batches.
NO_PREDICTION = {
    "state_id": None,
    "predicted_seconds": np.nan,
    "predicted_p90_seconds": np.nan,
    "predicted_cost": np.nan,
}


@dataclass
class RandomWait(Unlearning):
    """Start when the oldest event has waited for a random share of the objective; take all."""

    objective_seconds: float
    seed: int
    _random: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def start(self, queue: ReplayQueue) -> Start:
        """Start after another random wait."""
        wait = self.objective_seconds * float(self._random.uniform(*WAITS))
        instant = max(queue.free, queue.oldest + wait)
        return Start(instant, min(queue.count_at(instant), LARGEST_BATCH))


def history(
    trace: Trace, prices: Prices, *, objective_seconds: float, seed: int, processing: Processing = HEAVY
) -> pd.DataFrame:
    """Return the batches of a replayed trace as rows of the contract's `history`.

    The same seed gives the same rows.
    """
    replay = run(make(trace, processing, seed=seed), RandomWait(objective_seconds, seed))
    rows = _batches(trace, replay).assign(**_costs(replay, prices))
    return rows.assign(sized_by="explore", **NO_PREDICTION)[HISTORY.column_names]


def _batches(trace: Trace, replay: Replay) -> pd.DataFrame:
    started = pd.Timestamp(trace.begins) + pd.to_timedelta(replay.starts, unit="s")
    return pd.DataFrame(
        {
            "batch_id": [f"{trace.name}-{number:06d}" for number in range(len(replay))],
            "source": trace.name,
            "started_at": started.as_unit("us"),
            "events": replay.sizes,
            "kb": replay.kb,
            "kinds": _kinds(trace, replay),
            "backlog": replay.sizes,
            "oldest_seconds": replay.oldest_seconds,
            "seconds": replay.seconds,
        }
    )


def _kinds(trace: Trace, replay: Replay) -> list[dict[str, int]]:
    """Return how many events of each type a batch holds."""
    batches = np.split(trace.kinds, replay.first[1:])
    return [dict(Counter(kinds.tolist())) for kinds in batches]


def _costs(replay: Replay, prices: Prices) -> dict[str, list[float]]:
    """Return the columns of the parts of the costs."""
    batches = zip(replay.sizes.tolist(), replay.seconds.tolist(), strict=True)
    fixed, events, seconds = zip(*(prices.parts(*batch) for batch in batches), strict=True)
    return {"fixed_cost": list(fixed), "event_cost": list(events), "second_cost": list(seconds)}

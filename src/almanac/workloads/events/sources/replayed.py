"""Makes a history of batches by replaying a trace against a simulated clock, with batches of varied size to learn from."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays.load import HEAVY, Load, Processing, make
from almanac.workloads.events.replays.replay import Replay, run
from almanac.workloads.events.replays.trace import Trace

WAITS = (0.1, 0.9)


@dataclass
class Exploring:
    """Start when the oldest event has waited for a share of the objective that is drawn anew for each batch; take all."""

    objective_seconds: float
    seed: int
    _random: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def next(self, load: Load, first: int, free: float) -> tuple[float, int]:
        """Start after the drawn wait."""
        start = max(
            free, float(load.arrivals[first]) + self.objective_seconds * float(self._random.uniform(*WAITS))
        )
        return start, min(int(np.searchsorted(load.arrivals, start, side="right")) - first, 500)


def history(
    trace: Trace, prices: Prices, *, objective_seconds: float, seed: int, processing: Processing = HEAVY
) -> pd.DataFrame:
    """Return the batches of a replayed trace as rows of the contract's `history`; the same seed brings the same."""
    replay = run(make(trace, processing, seed=seed), Exploring(objective_seconds, seed))
    parts = [
        prices.parts(int(size), float(seconds))
        for size, seconds in zip(replay.sizes, replay.seconds, strict=True)
    ]
    return pd.DataFrame(
        {
            "batch_id": [f"{trace.name}-{number:06d}" for number in range(len(replay))],
            "source": trace.name,
            "started_at": (pd.Timestamp(trace.begins) + pd.to_timedelta(replay.starts, unit="s")).as_unit(
                "us"
            ),
            "events": replay.sizes,
            "kb": replay.kb,
            "kinds": _kinds(trace, replay),
            "backlog": replay.sizes,
            "oldest_seconds": replay.oldest_seconds,
            "seconds": replay.seconds,
            "fixed_cost": [each.fixed for each in parts],
            "event_cost": [each.events for each in parts],
            "second_cost": [each.seconds for each in parts],
            "sized_by": "explore",
            "state_id": None,
            "predicted_seconds": np.nan,
            "predicted_p90_seconds": np.nan,
            "predicted_cost": np.nan,
        }
    )


def _kinds(trace: Trace, replay: Replay) -> list[dict[str, int]]:
    spans = zip(replay.first, replay.first + replay.sizes, strict=True)
    return [dict(Counter(trace.kinds[first:last].tolist())) for first, last in spans]

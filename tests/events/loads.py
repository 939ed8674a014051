"""Small loads and exact predictors for the tests of replays."""

import numpy as np

from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.replays.load import Load, Processing

# A second for each batch and nothing else; or a tenth of a second for each event.
STEADY = Processing("steady", constant=1.0, per_event=0.0, per_kb=0.0, spread=0.0)
BY_COUNT = Processing("by count", constant=0.0, per_event=0.1, per_kb=0.0, spread=0.0)


def load(arrivals: list[float], processing: Processing = STEADY, *, kb: list[float] | None = None) -> Load:
    """Return a load without luck; by default an event has 1 kB."""
    sizes = np.ones(len(arrivals)) if kb is None else np.array(kb)
    kb_before = np.concatenate([[0.0], np.cumsum(sizes)])
    return Load(np.array(arrivals, dtype=np.float64), kb_before, np.ones(len(arrivals)), processing)


def exactly(processing: Processing, spread: float = 0.005) -> Predictor:
    """Return a predictor of the mean seconds of `processing`."""

    def predict(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
        return processing.seconds(counts, kb), np.full(len(counts), spread)

    return predict

"""Small loads made by hand for the tests of replays."""

import numpy as np

from almanac.workloads.events.replays.load import Load, Processing

# A second for each batch and nothing else; or a tenth of a second for each event.
STEADY = Processing("steady", constant=1.0, per_event=0.0, per_kb=0.0, spread=0.0)
BY_COUNT = Processing("by count", constant=0.0, per_event=0.1, per_kb=0.0, spread=0.0)


def load(arrivals: list[float], processing: Processing = STEADY, *, kb: list[float] | None = None) -> Load:
    """Return a load without luck; an event has 1 kB unless told otherwise."""
    sizes = np.ones(len(arrivals)) if kb is None else np.array(kb)
    return Load(
        np.array(arrivals, dtype=np.float64),
        np.concatenate([[0.0], np.cumsum(sizes)]),
        np.ones(len(arrivals)),
        processing,
    )

"""Makes up arrivals: a Poisson process whose rate has the shape of a day and bursts."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.events.replays.trace import EPOCH, Floats, Trace

SOURCE = "poisson"
KINDS = {"click": (0.55, 1.0), "order": (0.3, 4.0), "upload": (0.15, 20.0)}
SPREAD = 0.8


@dataclass(frozen=True)
class Shape:
    """How traffic looks: its mean rate, how much the rate swings in a day, and its bursts.

    A day may be made shorter than 24 hours, so that an hour of traffic has its nights too.
    """

    rate: float = 5.0
    swing: float = 0.6
    day_seconds: float = 86_400.0
    bursts_per_hour: float = 6.0
    burst_seconds: float = 8.0
    burst_factor: float = 3.0


def generate(seconds: float, *, seed: int, shape: Shape | None = None) -> Trace:
    """Return `seconds` of arrivals; the same seed and shape give the same ones (thinning: Lewis and Shedler, 1979)."""
    shape = shape or Shape()
    random = np.random.default_rng(seed)
    starts = np.sort(random.uniform(0, seconds, random.poisson(shape.bursts_per_hour * seconds / 3600)))
    highest = shape.rate * (1 + shape.swing) * shape.burst_factor
    candidates = np.sort(random.uniform(0, seconds, random.poisson(highest * seconds)))
    kept = candidates[random.uniform(0, highest, len(candidates)) < rates(candidates, starts, shape)]
    names, chances = list(KINDS), [share for share, _ in KINDS.values()]
    kinds = random.choice(names, size=len(kept), p=chances)
    typical = np.array([KINDS[str(kind)][1] for kind in kinds], dtype=np.float64)
    return Trace(
        SOURCE,
        kept,
        typical * random.lognormal(0.0, SPREAD, len(kept)),
        kinds.astype(np.str_),
        EPOCH,
        simulated=True,
    )


def rates(instants: Floats, bursts: Floats, shape: Shape) -> Floats:
    """Return the expected arrivals per second at some instants, given when bursts began; the day begins at its quietest.

    >>> rates(np.array([0.0, 50.0]), np.array([48.0]), Shape(rate=10, swing=0.5, day_seconds=100)).tolist()
    [5.0, 45.0]
    """
    day = 1 - shape.swing * np.cos(2 * np.pi * instants / shape.day_seconds)
    begun = np.searchsorted(bursts, instants, side="right") - np.searchsorted(
        bursts, instants - shape.burst_seconds, side="right"
    )
    found: Floats = shape.rate * day * np.where(begun > 0, shape.burst_factor, 1.0)
    return found

"""Generated arrivals: a Poisson process whose rate has the shape of a day and bursts."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.replays.trace import EPOCH, Trace

SOURCE = "poisson"
# The share of each type, and its typical size in kB.
KINDS = {"click": (0.55, 1.0), "order": (0.3, 4.0), "upload": (0.15, 20.0)}
SPREAD = 0.8


@dataclass(frozen=True)
class TrafficPattern:
    """The mean rate of traffic, how much the rate swings in a day, and its bursts.

    A day may be shorter than 24 hours, so that an hour of traffic has its nights too.
    """

    rate: float = 5.0
    swing: float = 0.6
    day_seconds: float = 86_400.0
    bursts_per_hour: float = 6.0
    burst_seconds: float = 8.0
    burst_factor: float = 3.0

    @property
    def highest_rate(self) -> float:
        """The rate of a burst at the busiest time of the day."""
        return self.rate * (1 + self.swing) * self.burst_factor


def generate(seconds: float, *, seed: int, pattern: TrafficPattern | None = None) -> Trace:
    """Return `seconds` of arrivals; the same seed and pattern give the same ones.

    They are made by thinning (Lewis and Shedler, 1979).
    """
    random = np.random.default_rng(seed)
    arrivals = _arrivals(seconds, pattern or TrafficPattern(), random)
    shares = [share for share, _ in KINDS.values()]
    kinds = random.choice(list(KINDS), size=len(arrivals), p=shares)
    typical = np.array([KINDS[kind][1] for kind in kinds.tolist()], dtype=np.float64)
    kb = typical * random.lognormal(0.0, SPREAD, len(arrivals))
    return Trace(SOURCE, arrivals, kb, kinds.astype(np.str_), EPOCH, simulated=True)


def rates(instants: Floats, bursts: Floats, pattern: TrafficPattern) -> Floats:
    """Return the expected arrivals per second at some instants; `bursts` are their starts.

    The day begins at its quietest.

    >>> pattern = TrafficPattern(rate=10, swing=0.5, day_seconds=100)
    >>> rates(np.array([0.0, 50.0]), np.array([48.0]), pattern).tolist()
    [5.0, 45.0]
    """
    cycle = np.cos(2 * np.pi * instants / pattern.day_seconds)
    begun = np.searchsorted(bursts, instants, side="right")
    ended = np.searchsorted(bursts, instants - pattern.burst_seconds, side="right")
    factors = np.where(begun > ended, pattern.burst_factor, 1.0)
    rates: Floats = pattern.rate * (1 - pattern.swing * cycle) * factors
    return rates


def _arrivals(seconds: float, pattern: TrafficPattern, random: np.random.Generator) -> Floats:
    """Return arrivals by thinning a process of the highest rate."""
    bursts = _poisson(pattern.bursts_per_hour / 3600, seconds, random)
    candidates = _poisson(pattern.highest_rate, seconds, random)
    drawn = random.uniform(0, pattern.highest_rate, len(candidates))
    return candidates[drawn < rates(candidates, bursts, pattern)]


def _poisson(rate: float, seconds: float, random: np.random.Generator) -> Floats:
    """Return the arrivals of a Poisson process in order."""
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))

"""Generated bursts of several shapes over calm traffic, to see what a policy misses that learned in calm."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.replays.load import Processing
from almanac.workloads.events.replays.trace import Trace

# A batch whose work is this share of the objective is the typical one of a busy worker.
BUSY_SHARE = 0.3
SPIKES, SPIKE_SHARE, DECAY = 5, 0.2, 4.0
# The rate at each share of the length of a burst, as a share of its peak.
SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "square": np.ones_like,
    "ramp": lambda share: share,
    "spike train": lambda share: (share * SPIKES % 1 < SPIKE_SHARE).astype(np.float64),
    "decay": lambda share: np.exp(-DECAY * share),
}


@dataclass(frozen=True)
class Burst:
    """Bursts of one shape: their peak, in shares of what a busy worker can do, and their times in objectives.

    One begins `every` objectives, the first after half of that. At the peak, calm and burst together arrive
    at `peak` times the capacity.
    """

    shape: str
    peak: float
    length: float = 5.0
    every: float = 20.0


def capacity(trace: Trace, processing: Processing, objective_seconds: float) -> float:
    """Return how many events of a trace a busy worker does in a second."""
    busy_seconds = BUSY_SHARE * objective_seconds
    each = processing.per_event + processing.per_kb * float(trace.kb.mean())
    return (busy_seconds - processing.constant) / each / busy_seconds


def overlay(calm: Trace, burst: Burst, peak_rate: float, objective_seconds: float, *, seed: int) -> Trace:
    """Return calm traffic with bursts of at most `peak_rate` more events a second.

    Their sizes and types are drawn from those of the calm events. The same seed gives the same bursts.
    """
    random = np.random.default_rng(seed)
    length, every = burst.length * objective_seconds, burst.every * objective_seconds
    begins = np.arange(every / 2, calm.seconds[-1] - calm.seconds[0] - length, every)
    added = [calm.seconds[0] + begin + _arrivals(burst.shape, length, peak_rate, random) for begin in begins]
    extra = np.concatenate([np.empty(0), *added])
    drawn = random.integers(0, len(calm), len(extra))
    seconds = np.concatenate([calm.seconds, extra])
    order = np.argsort(seconds, kind="stable")
    places = np.concatenate([np.arange(len(calm)), drawn])[order]
    return replace(calm, seconds=seconds[order], kb=calm.kb[places], kinds=calm.kinds[places], simulated=True)


def on_calm(
    calm: Trace, burst: Burst, processing: Processing, objective_seconds: float, *, seed: int
) -> Trace:
    """Return calm traffic with bursts whose peak is measured by what a worker can do."""
    calm_rate = len(calm) / float(calm.seconds[-1] - calm.seconds[0])
    most = burst.peak * capacity(calm, processing, objective_seconds)
    return overlay(calm, burst, max(0.0, most - calm_rate), objective_seconds, seed=seed)


def _arrivals(shape: str, length: float, peak_rate: float, random: np.random.Generator) -> Floats:
    """Return the arrivals of one burst, by thinning a process of its peak rate."""
    share = random.uniform(0.0, 1.0, random.poisson(peak_rate * length))
    is_there = random.uniform(0.0, 1.0, len(share)) < SHAPES[shape](share)
    arrivals: Floats = np.sort(share[is_there]) * length
    return arrivals

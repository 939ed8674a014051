"""A load: arrivals in their order, and how long a worker takes for any run of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.events.estimators import LEAST_SECONDS, RelativeLine
from almanac.workloads.events.policy.costs import Floats

if TYPE_CHECKING:
    # The package of sources replays traces, and for that needs this module.
    from almanac.workloads.events.replays.trace import Trace

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Processing:
    """How long a simulated worker takes: a constant, a part per event and a part per kB, times luck (log-normal with mean 1)."""

    name: str
    constant: float
    per_event: float
    per_kb: float
    spread: float = 0.10

    def seconds(self, events: npt.ArrayLike, kb: npt.ArrayLike) -> Floats:
        """Return the mean seconds of batches.

        >>> Processing("plain", 0.1, 0.01, 0.5).seconds([10], [2.0]).tolist()
        [1.2]
        """
        return (
            self.constant
            + self.per_event * np.asarray(events, dtype=np.float64)
            + self.per_kb * np.asarray(kb, dtype=np.float64)
        )


LIGHT = Processing("light", constant=0.02, per_event=0.010, per_kb=0.0)
# On the Azure trace, with 5.5 events of 5.3 kB a second, a worker is busy for 45 % of the time.
HEAVY = Processing("heavy", constant=0.02, per_event=0.001, per_kb=0.0143)
SETTINGS = {each.name: each for each in (LIGHT, HEAVY)}


@dataclass(frozen=True)
class Load:
    """Arrivals (seconds), kB before each event and after the last, and the luck of a batch that begins with an event.

    Luck belongs to the first event of a batch, so that every policy, and hindsight, meets the same. `begins` is second 0, since 1970.
    """

    arrivals: Floats
    kb_before: Floats
    luck: Floats
    processing: Processing
    begins: float = 0.0

    def __len__(self) -> int:
        return len(self.arrivals)

    def kb(self, first: int | Integers, last: int | Integers) -> Floats:
        """Return the kB of the events from `first` up to, and without, `last`."""
        return np.asarray(self.kb_before[last] - self.kb_before[first], dtype=np.float64)

    def seconds(self, first: int | Integers, last: int | Integers) -> Floats:
        """Return how long batches of these events take."""
        return np.asarray(
            self.processing.seconds(np.subtract(last, first), self.kb(first, last)) * self.luck[first],
            dtype=np.float64,
        )


def measured(batches: pd.DataFrame, *, name: str = "measured") -> Processing:
    """Return the processing that fits batches with `count`, `kb` and `seconds` best, and its spread."""
    line = RelativeLine().fit(batches[["count", "kb"]], batches["seconds"].to_numpy(dtype=np.float64))
    seconds = np.maximum(batches["seconds"].to_numpy(dtype=np.float64), LEAST_SECONDS)
    spread = float(
        np.std(np.log(seconds / np.maximum(line.predict(batches[["count", "kb"]]), LEAST_SECONDS)))
    )
    return Processing(name, line.intercept_, float(line.coef_[0]), float(line.coef_[1]), spread)


def make(trace: "Trace", processing: Processing, *, seed: int) -> Load:
    """Return the load of a trace under one setting of processing times; the same seed brings the same luck."""
    random = np.random.default_rng(seed)
    luck = random.lognormal(-(processing.spread**2) / 2, processing.spread, len(trace))
    return Load(
        trace.seconds,
        np.concatenate([[0.0], np.cumsum(trace.kb)]),
        luck,
        processing,
        trace.begins.timestamp(),
    )

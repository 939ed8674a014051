"""A load: arrivals in their order, and how long a worker takes for any run of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.events.estimators import LEAST_SECONDS, RelativeLine
from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.replays.trace import Trace


@dataclass(frozen=True)
class Processing:
    """The processing seconds of a simulated worker: a constant, a part per event and a part per kB.

    They are multiplied by luck, which is log-normal with mean 1 and deviation `spread`.
    """

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
        by_events = self.per_event * np.asarray(events, dtype=np.float64)
        by_kb = self.per_kb * np.asarray(kb, dtype=np.float64)
        return self.constant + by_events + by_kb

    def luck(self, random: np.random.Generator, size: int) -> Floats:
        """Return so many factors of luck."""
        return random.lognormal(-(self.spread**2) / 2, self.spread, size)


LIGHT = Processing("light", constant=0.02, per_event=0.010, per_kb=0.0)
# The Azure trace has 5.5 events of 5.3 kB a second, which keep a worker busy for 45 % of the time.
HEAVY = Processing("heavy", constant=0.02, per_event=0.001, per_kb=0.0143)
SETTINGS = {processing.name: processing for processing in (LIGHT, HEAVY)}


@dataclass(frozen=True)
class Load:
    """Arrivals and their kB, with the processing of a worker and its luck.

    `kb_before` are the kB before each event and after the last one; `luck` is that of a batch that begins
    with an event. Luck belongs to the first event of a batch, so that all rules, and hindsight, meet the
    same luck. Second 0 is the instant `begins`, in seconds since 1970.
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
        """Return the processing seconds of batches of these events."""
        mean = self.processing.seconds(np.subtract(last, first), self.kb(first, last))
        return np.asarray(mean * self.luck[first], dtype=np.float64)


def fit_processing(batches: pd.DataFrame, *, name: str = "measured") -> Processing:
    """Return the processing that fits batches with `count`, `kb` and `seconds` best, and its spread."""
    sizes = batches[["count", "kb"]]
    actual = batches["seconds"].to_numpy(dtype=np.float64)
    line = RelativeLine().fit(sizes, actual)
    likely = np.maximum(line.predict(sizes), LEAST_SECONDS)
    spread = float(np.std(np.log(np.maximum(actual, LEAST_SECONDS) / likely)))
    per_event, per_kb = line.coef_.tolist()
    return Processing(name, line.intercept_, per_event, per_kb, spread)


def make(trace: Trace, processing: Processing, *, seed: int) -> Load:
    """Return the load of a trace under one setting of processing; the same seed gives the same luck."""
    luck = processing.luck(np.random.default_rng(seed), len(trace))
    kb_before = np.concatenate([[0.0], np.cumsum(trace.kb)])
    return Load(trace.seconds, kb_before, luck, processing, trace.begins.timestamp())

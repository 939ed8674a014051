"""The size of a first batch, where one batch of all waiting events would be late for many of them."""

from typing import NamedTuple

import numpy as np

from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.policy.goal import MissPrice
from almanac.workloads.events.policy.queue_view import WaitingEvents
from almanac.workloads.events.policy.rhythm import Gain
from almanac.workloads.events.policy.start import Predictor, linearly, missed_chance

# At most so many sizes are tried.
MOST_TRIED = 32
# The rest starts so many deviations of luck before the last moment of its oldest event.
SURE = 2.0
# Misses worth less than this share of the objective never pay for another batch.
LEAST_SHARE = 0.5


class Split(NamedTuple):
    """The choice between one batch of all waiting events and two.

    `predict` gives their seconds, and `miss_price` weighs misses.
    """

    waiting: WaitingEvents
    predict: Predictor
    miss_price: MissPrice
    gained: Gain = linearly

    def first_size(self, start: float) -> int | None:
        """Return how many events to take now if two batches are better than one at `start`, or None.

        Another batch is worth as much as a start that is later by the whole objective, since one batch serves
        about that many seconds.
        """
        objective = self.miss_price.goal.objective_seconds
        if len(self.waiting.arrivals) <= 1:
            return None
        miss_worth = self._miss_worth(start)
        if miss_worth < LEAST_SHARE * objective:
            return None
        whole = float(self.gained(np.array([start]))[0]) - miss_worth
        sizes = self._sizes()
        values = self._values(sizes) - objective
        best = int(np.argmax(values))
        return int(sizes[best]) if values[best] > whole else None

    def _deadlines(self) -> Floats:
        deadlines: Floats = self.waiting.arrivals + self.miss_price.goal.planned_seconds
        return deadlines

    def _miss_worth(self, start: float) -> float:
        """Return the worth of the misses that one batch of all is expected to have."""
        counts = np.array([len(self.waiting.arrivals)])
        seconds, spreads = self.predict(counts, self.waiting.kb.sum(keepdims=True))
        missed = missed_chance(self._deadlines() - start, seconds, float(spreads[0]))
        return self.miss_price.worth_seconds * float(missed.sum())

    def _sizes(self) -> Integers:
        count = len(self.waiting.arrivals)
        sizes = np.linspace(1, count - 1, min(count - 1, MOST_TRIED)).round()
        return np.unique(sizes.astype(np.int64))

    def _values(self, sizes: Integers) -> Floats:
        """Return the gain of the rest's start, less the worth of all misses, for each first size."""
        first, rest, spreads = self._seconds(sizes)
        rest_starts = self._rest_starts(sizes, self.waiting.now + first, rest * np.exp(SURE * spreads))
        is_first = np.arange(len(self.waiting.arrivals)) < sizes[:, np.newaxis]
        starts = np.where(is_first, self.waiting.now, rest_starts[:, np.newaxis])
        seconds = np.where(is_first, first[:, np.newaxis], rest[:, np.newaxis])
        missed = missed_chance(self._deadlines() - starts, seconds, float(spreads[0]))
        values: Floats = self.gained(rest_starts) - self.miss_price.worth_seconds * missed.sum(axis=1)
        return values

    def _seconds(self, sizes: Integers) -> tuple[Floats, Floats, Floats]:
        """Return the seconds of the first batch and of the rest, and the spread of the first, for each
        size.
        """
        count = len(self.waiting.arrivals)
        kb = np.concatenate([[0.0], np.cumsum(self.waiting.kb)])
        first, spreads = self.predict(sizes, kb[sizes])
        rest, _ = self.predict(count - sizes, kb[-1] - kb[sizes])
        return first, rest, spreads

    def _rest_starts(self, sizes: Integers, earliest: Floats, seconds: Floats) -> Floats:
        """Return the last start of the rest at which its oldest event is not missed, or `earliest`."""
        # By priority the first event in the order of claiming need not be the oldest.
        oldest = np.minimum.accumulate(self._deadlines()[::-1])[::-1]
        starts: Floats = np.maximum(earliest, oldest[sizes] - seconds)
        return starts

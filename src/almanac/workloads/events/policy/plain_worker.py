"""The batches that a plain worker would have made of the same events: the policy may spend no more."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.start import Predictor

# A plain worker takes at most so many events, and sleeps so long when there is nothing.
PLAIN_SIZE, PLAIN_SECONDS = 100, 2.0
# The plain worker counts as slower than it is expected to be, and only this share of its batches counts.
# Under overload its batches are the larger, and the fewer, the slower it is.
SLOWER, COUNTED_SHARE = 1.07, 0.96
# Fewer spare batches than this are no room to divide, and more than this are not carried over.
LEAST_SPARE, MOST_SPARE = 3.0, 100.0
# With more batches than this beyond those of the plain worker, late events wait until there are as many as
# it took.
MOST_DEBT = 4.0
# Each batch moves what was measured of the speed by this share.
SPEED_RATE = 0.02


class Work(NamedTuple):
    """A finished batch: the arrivals and kB of its events on any clock, and its seconds as measured."""

    arrivals: Floats
    kb: Floats
    seconds: float


@dataclass
class PlainWorker:
    """Follows what a plain worker would do with the same events, and how many batches the policy can spare.

    It polls every PLAIN_SECONDS, or every objective where that is shorter. All batches of one worker have
    the same price, and events have the same price in any batch. So who makes no more batches does not cost
    more, whatever the prices are.
    """

    predict: Predictor
    objective_seconds: float
    spare: float = 0.0
    size: int = field(default=0, init=False)
    _arrivals: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _kb: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _free: float = field(default=-np.inf, init=False, repr=False)
    _measured: float = field(default=1.0, init=False, repr=False)
    _predicted: float = field(default=1.0, init=False, repr=False)

    @property
    def every_seconds(self) -> float:
        """How long it sleeps when there is nothing."""
        return min(PLAIN_SECONDS, self.objective_seconds)

    @property
    def is_in_debt(self) -> bool:
        """Whether the policy has made more batches than the plain worker, so that it has to save some."""
        return self.spare < -MOST_DEBT

    @property
    def has_spare(self) -> bool:
        """Whether the policy has made fewer batches than the plain worker, so that it may divide some."""
        return self.spare >= LEAST_SPARE

    def learn(self, work: Work) -> None:
        """Count a finished batch of the policy, and let the plain worker do what it can with its events."""
        self.spare -= 1.0
        self._learn_speed(work)
        order = np.argsort(np.concatenate([self._arrivals, work.arrivals]), kind="stable")
        self._arrivals = np.concatenate([self._arrivals, work.arrivals])[order]
        self._kb = np.concatenate([self._kb, work.kb])[order]
        self._follow()

    def _learn_speed(self, work: Work) -> None:
        predicted = self._seconds(work.kb)
        self._measured += work.seconds - SPEED_RATE * self._measured
        self._predicted += predicted - SPEED_RATE * self._predicted

    def _follow(self) -> None:
        """Make each batch of the plain worker whose events are all here."""
        done, count = 0, len(self._arrivals)
        while done < count:
            start = self._poll(float(self._arrivals[done]))
            if self._arrivals[-1] < start:
                break
            waiting = int(np.searchsorted(self._arrivals, start, side="right")) - done
            following = done + min(waiting, PLAIN_SIZE)
            speed = SLOWER * self._measured / self._predicted
            self._free = start + speed * self._seconds(self._kb[done:following])
            self.spare = min(self.spare + COUNTED_SHARE, MOST_SPARE)
            self.size = following - done
            done = following
        self._arrivals, self._kb = self._arrivals[done:], self._kb[done:]

    def _poll(self, arrived: float) -> float:
        """Return the first poll that finds an event; polls follow the moment of being free."""
        every = self.every_seconds
        free = self._free if np.isfinite(self._free) else arrived
        return max(arrived, free + every * float(np.ceil(max(0.0, arrived - free) / every)))

    def _seconds(self, kb: Floats) -> float:
        seconds, _ = self.predict(np.array([len(kb)]), kb.sum(keepdims=True))
        return float(seconds[0])

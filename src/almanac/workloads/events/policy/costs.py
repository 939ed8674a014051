"""The cost of a batch, and the types of arrays that policies and replays share."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from almanac.settings import Settings

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Parts(NamedTuple):
    """The cost of a batch in its three parts."""

    fixed: float
    events: float
    seconds: float

    @property
    def total(self) -> float:
        """The whole cost."""
        return self.fixed + self.events + self.seconds


@dataclass(frozen=True)
class Prices:
    """The price of a batch, of an event and of a second of processing, in one currency."""

    fixed: float = 0.10
    per_event: float = 0.005
    per_second: float = 0.02

    @classmethod
    def of(cls, settings: Settings) -> "Prices":
        """Return the prices of a deployment."""
        return cls(settings.events_fixed_cost, settings.events_event_cost, settings.events_second_price)

    def parts(self, events: int, seconds: float) -> Parts:
        """Return the cost of a batch in its parts.

        >>> Prices(per_second=0.0).parts(10, 3.0).total
        0.15000000000000002
        """
        return Parts(self.fixed, self.per_event * events, self.per_second * seconds)

    def totals(self, events: npt.ArrayLike, seconds: npt.ArrayLike) -> Floats:
        """Return the cost of several batches.

        >>> Prices(per_second=0.0).totals([10, 50, 100], 0.0).round(3).tolist()
        [0.15, 0.35, 0.6]
        """
        by_events = self.per_event * np.asarray(events, dtype=np.float64)
        by_seconds = self.per_second * np.asarray(seconds, dtype=np.float64)
        return self.fixed + by_events + by_seconds

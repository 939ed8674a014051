"""A trace: when events arrived, how large they were and of which type."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.workloads.events.policy.costs import Floats

Texts = npt.NDArray[np.str_]

# A generated trace has no date of its own, and its clock has to start somewhere.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Trace:
    """Arrivals in their order: seconds since `begins`, sizes in kB, types.

    `simulated` marks generated ones.
    """

    name: str
    seconds: Floats
    kb: Floats
    kinds: Texts
    begins: datetime = EPOCH
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def instants(self) -> Floats:
        """The arrivals in seconds since 1970."""
        instants: Floats = self.begins.timestamp() + self.seconds
        return instants

    def part(self, first: int, last: int) -> "Trace":
        """Return the arrivals from `first` up to, and without, `last`."""
        places = slice(first, last)
        return replace(self, seconds=self.seconds[places], kb=self.kb[places], kinds=self.kinds[places])

    def frame(self) -> pd.DataFrame:
        """Return the arrivals as rows of the contract's `traffic`."""
        arrived = pd.Timestamp(self.begins) + pd.to_timedelta(self.seconds, unit="s")
        ids = [f"{number:07d}" for number in range(len(self))]
        columns = {"event_id": ids, "arrived_at": arrived.as_unit("us"), "kb": self.kb, "kind": self.kinds}
        return pd.DataFrame({"source": self.name} | columns)


def make(name: str, instants: npt.ArrayLike, kb: npt.ArrayLike, kinds: npt.ArrayLike) -> Trace:
    """Return a trace of arrivals in seconds since 1970, in any order."""
    seconds = np.asarray(instants, dtype=np.float64)
    order = np.argsort(seconds, kind="stable")
    sizes = np.asarray(kb, dtype=np.float64)[order]
    types = np.asarray(kinds, dtype=np.str_)[order]
    first = float(seconds[order[0]])
    return Trace(name, seconds[order] - first, sizes, types, datetime.fromtimestamp(first, UTC))


def of_frame(frame: pd.DataFrame) -> Trace:
    """Return the arrivals of rows of `traffic` that have one source."""
    name = str(frame["source"].iloc[0])
    microseconds = frame["arrived_at"].dt.as_unit("us").astype("int64").to_numpy()
    return make(name, microseconds / 1e6, frame["kb"], frame["kind"].to_numpy(dtype=np.str_))

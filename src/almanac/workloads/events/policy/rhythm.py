"""The gain of a later start, looked up by the second of a cycle and by how long no event has arrived."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.costs import Floats

# The gain of starts (instants), in seconds.
Gain = Callable[[Floats], Floats]
# What reading a table raises where its rows do not fit together.
BAD_TABLE = (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError)
log = logging.getLogger("almanac.events")


class Grid(NamedTuple):
    """The table as arrays: edges of phases, lower ends of quiet bands, gains (phases, bands, starts)."""

    phases: Floats
    quiet: Floats
    gains: Floats

    @property
    def period(self) -> float:
        """The seconds of the cycle."""
        return float(self.phases[-1])

    def curve(self, newest: float, now: float) -> Floats:
        """Return the gains of later starts at `now`, when the newest event arrived at `newest`."""
        phase = _band(self.phases[:-1], now % self.period)
        band = _band(self.quiet, now - newest)
        curve: Floats = self.gains[phase, band]
        return curve


@dataclass(frozen=True)
class Rhythm:
    """The learned table in memory; without rows each second later gains a second."""

    rows: pd.DataFrame | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there are no rows."""
        return self.rows is None or self.rows.empty

    def gained(self, *, newest: float, now: float) -> Gain:
        """Return the gain of starts after `now`; the newest event arrived at `newest`.

        All are seconds since 1970.
        """
        if self.is_empty:
            return lambda starts: starts - now
        curve = self._grid.curve(newest, now)
        ahead = np.arange(len(curve)) * self._step_seconds
        return lambda starts: np.interp(starts - now, ahead, curve)

    def __str__(self) -> str:
        """What the gain depends on, in words."""
        if self.is_empty:
            return "no rhythm of arrivals"
        grid = self._grid
        cycle = f" and second of {grid.period:g}" if len(grid.phases) > 2 else ""
        return f"gains by quiet seconds{cycle}"

    @cached_property
    def _step_seconds(self) -> float:
        return float(pd.DataFrame(self.rows)["step_seconds"].iloc[0])

    @cached_property
    def _grid(self) -> Grid:
        """The rows as a grid; raises ValueError where they are not one row for each phase and band."""
        rows = pd.DataFrame(self.rows).sort_values(["phase_min", "quiet_min_seconds"])
        phases = np.append(_lower_ends(rows, "phase_min"), float(rows["phase_max"].max()))
        quiet = _lower_ends(rows, "quiet_min_seconds")
        gains = np.array(rows["gained_seconds"].tolist(), dtype=np.float64)
        shape = len(phases) - 1, len(quiet)
        if len(rows) != np.prod(shape) or not self._is_valid(phases, gains):
            raise ValueError(f"{len(rows)} rows are no whole table of {shape[0]} by {shape[1]} bands")
        return Grid(phases, quiet, gains.reshape(*shape, -1))

    def _is_valid(self, phases: Floats, gains: Floats) -> bool:
        has_curves = gains.ndim == 2 and gains.shape[1] > 1
        are_ordered = bool((np.diff(phases) > 0).all())
        return has_curves and are_ordered and bool(np.isfinite(gains).all()) and self._step_seconds > 0


def checked(rows: pd.DataFrame) -> Rhythm:
    """Return the rhythm of a published table.

    Log a warning and return an empty one where the table is not whole.
    """
    rhythm = Rhythm(rows)
    try:
        rhythm.gained(newest=0.0, now=0.0)
    except BAD_TABLE as error:
        log.warning("the rhythm of arrivals cannot be used (%s); a second gained is a second", error)
        return Rhythm()
    return rhythm


def _lower_ends(rows: pd.DataFrame, name: str) -> Floats:
    return np.unique(rows[name].to_numpy(dtype=np.float64))


def _band(lower_ends: Floats, value: float) -> int:
    """Return the band of a value; the first band also holds what is below."""
    return max(int(np.searchsorted(lower_ends, value, side="right")) - 1, 0)

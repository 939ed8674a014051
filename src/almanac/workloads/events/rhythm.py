"""What a later start saves, by how long nothing has come in and by the second of a cycle: learned from arrivals, only looked up later."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import RHYTHM
from almanac.workloads.events.costs import Floats
from almanac.workloads.events.load import Integers

# What starts (instants) gain, in seconds.
Gain = Callable[[Floats], Floats]
# Later starts are looked at up to so many objectives ahead, in steps of one twentieth.
REACH, STEP = 2.0, 0.05
# Seconds without an arrival, in objectives: the lower ends of the bands. With less since the last one its burst is not over.
QUIET = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0, 1.2)
# Cycles that clocks and timers have, and how exactly they are kept; both in seconds.
PERIODS, WIDTHS = (10.0, 60.0), (0.05, 0.1, 0.2)
# How near in time without an arrival (ratio), and how much the mean of all counts beside what is near.
QUIET_WIDTH, INERTIA = 0.3, 5.0
MOST_MOMENTS = 4_000
LEAST_MOMENTS = 200
# Shapes are compared on the later of so many blocks of time, each predicted from all before it.
BLOCKS, FIRST_BLOCK = 10, 4
# Less than this share of the squared error is not worth a table.
WORTH_IT = 0.01
WIDE = 1_000_000.0


class Moments(NamedTuple):
    """Moments at which a batch could have started: seconds since 1970, seconds without an arrival, and the batches saved by each later start."""

    instants: Floats
    quiet: Floats
    saved: Floats

    def part(self, chosen: Integers) -> "Moments":
        """Return some of the moments."""
        return Moments(*(each[chosen] for each in self))


@dataclass(frozen=True)
class Shape:
    """What the gain may depend on: a cycle of `period` seconds (0 for none), and to within how many seconds it is kept."""

    period: float = 0.0
    width: float = 0.0

    @property
    def phases(self) -> Floats:
        """The middles of the bands of a cycle; one band is twice the width."""
        bands = max(1, round(self.period / (2 * self.width))) if self.period else 1
        return (np.arange(bands) + 0.5) * (self.period or WIDE) / bands

    def likeness(self, ours: tuple[Floats, Floats], theirs: Moments, objective_seconds: float) -> Floats:
        """Return how alike moments are, 0 to 1: `ours` are instants (or phases) and quiet seconds; shape (ours, theirs)."""
        least = 0.02 * objective_seconds
        apart = np.log((ours[1][:, np.newaxis] + least) / (theirs.quiet + least)) / QUIET_WIDTH
        if self.period:
            far = np.abs(ours[0][:, np.newaxis] % self.period - theirs.instants % self.period)
            apart = np.hypot(apart, np.minimum(far, self.period - far) / self.width)
        alike: Floats = np.exp(-0.5 * apart**2)
        return alike


@dataclass(frozen=True)
class Rhythm:
    """The learned table in memory; without rows a second gained is a second."""

    rows: pd.DataFrame | None = None

    def gained(self, *, newest: float, now: float) -> Gain:
        """Return what starts after `now` gain; the newest event came in at `newest`. All instants are seconds since 1970."""
        if self.rows is None or self.rows.empty:
            return lambda starts: starts - now
        phases, quiet, gains = self._grid
        period = float(phases[-1])
        place = min(max(int(np.searchsorted(phases, now % period, side="right")) - 1, 0), len(phases) - 2)
        band = max(int(np.searchsorted(quiet, now - newest, side="right")) - 1, 0)
        curve = gains[place, band]
        ahead = np.arange(len(curve)) * float(self.rows["step_seconds"].iloc[0])
        return lambda starts: np.interp(starts - now, ahead, curve)

    def __str__(self) -> str:
        """What is known of arrivals, in words."""
        if self.rows is None or self.rows.empty:
            return "no rhythm of arrivals"
        phases = self._grid[0]
        return "gains by quiet seconds" + (f" and second of {phases[-1]:g}" if len(phases) > 2 else "")

    @cached_property
    def _grid(self) -> tuple[Floats, Floats, Floats]:
        """The edges of the phases, the lower ends of the quiet bands, and the gains of each."""
        rows = pd.DataFrame(self.rows).sort_values(["phase_min", "quiet_min_seconds"])
        phases = np.append(np.unique(rows["phase_min"].to_numpy(dtype=np.float64)), float(rows["phase_max"].max()))
        quiet = np.unique(rows["quiet_min_seconds"].to_numpy(dtype=np.float64))
        gains = np.array(rows["gained_seconds"].tolist(), dtype=np.float64).reshape(len(phases) - 1, len(quiet), -1)
        return phases, quiet, gains


def learn(instants: Floats, objective_seconds: float) -> pd.DataFrame:
    """Return the contract's `rhythm`, learned from arrivals (seconds since 1970, in order); empty where time alone tells as much.

    Of the shapes, simplest first, one is taken if it lowers the squared error of what later starts save, on blocks of time later than
    those it was learned on, by WORTH_IT. The gains are means over like moments (Nadaraya and Watson, 1964); a batch saved counts as the objective.
    """
    known = moments(instants, objective_seconds)
    if len(known.instants) < LEAST_MOMENTS:
        return pd.DataFrame(columns=RHYTHM.column_names)
    shape = _chosen(known, objective_seconds)
    return pd.DataFrame(columns=RHYTHM.column_names) if shape is None else _table(shape, known, objective_seconds)


def moments(instants: Floats, objective_seconds: float) -> Moments:
    """Return moments between arrivals, the newest MOST_MOMENTS, and the batches that each later start would have saved.

    Batches are counted as the rule T makes them: the first event that is left opens one, which takes all that comes within the objective.
    """
    left = _batches_left(instants, objective_seconds)
    before = np.flatnonzero(np.diff(instants) > QUIET[0] * objective_seconds)
    spans = np.minimum(np.diff(instants)[before], QUIET[-1] * objective_seconds)
    counts = np.ceil((spans - QUIET[0] * objective_seconds) / (STEP * objective_seconds)).astype(np.int64)
    last = np.repeat(before, counts)
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    quiet = (QUIET[0] + STEP * steps) * objective_seconds
    last, quiet = last[-MOST_MOMENTS:], quiet[-MOST_MOMENTS:]
    begun = instants[last] + quiet
    reached = np.searchsorted(instants, begun[:, np.newaxis] + _ahead(objective_seconds), side="right")
    return Moments(begun, quiet, left[last + 1][:, np.newaxis] - left[reached])


def _batches_left(instants: Floats, objective_seconds: float) -> Floats:
    """Return how many batches are made of the events from each one on."""
    following = np.searchsorted(instants, instants + objective_seconds, side="right")
    left = np.zeros(len(instants) + 1)
    for first in range(len(instants) - 1, -1, -1):
        left[first] = 1 + left[following[first]]
    return left


def _ahead(objective_seconds: float) -> Floats:
    ahead: Floats = np.linspace(0.0, REACH * objective_seconds, round(REACH / STEP) + 1)
    return ahead


def _chosen(known: Moments, objective_seconds: float) -> Shape | None:
    """Return the shape that pays, or None for a straight line."""
    best, least = None, _error(known, partial(_straight, objective_seconds))
    for shape in _shapes():
        error = _error(known, partial(_like, shape, objective_seconds))
        if error < (1 - WORTH_IT) * least:
            best, least = shape, error
    return best


def _shapes() -> Iterator[Shape]:
    yield Shape()
    yield from (Shape(period, width) for period, width in product(PERIODS, reversed(WIDTHS)))


def _error(known: Moments, told: Callable[[Moments, Moments], Floats]) -> float:
    """Return the mean squared error of blocks of time that are each told from those before."""
    blocks, total, count = np.array_split(np.arange(len(known.instants)), BLOCKS), 0.0, 0
    for block in blocks[FIRST_BLOCK:]:
        train, test = known.part(np.arange(block[0])), known.part(block)
        total += float(((test.saved - told(train, test)) ** 2).sum())
        count += test.saved.size
    return total / count


def _straight(objective_seconds: float, train: Moments, test: Moments) -> Floats:
    ahead = _ahead(objective_seconds)
    slope = float((train.saved @ ahead).sum()) / (len(train.saved) * float(ahead @ ahead))
    told: Floats = np.broadcast_to(slope * ahead, test.saved.shape)
    return told


def _like(shape: Shape, objective_seconds: float, train: Moments, test: Moments) -> Floats:
    return _mean(shape, train, (test.instants, test.quiet), objective_seconds)


def _mean(shape: Shape, train: Moments, ours: tuple[Floats, Floats], objective_seconds: float) -> Floats:
    """Return the mean of what moments like ours saved; where few are alike it leans on those alike in quiet, and these on all."""
    told: Floats = np.broadcast_to(train.saved.mean(axis=0), (len(ours[0]), train.saved.shape[1]))
    for each in (Shape(), shape) if shape.period else (shape,):
        weights = each.likeness(ours, train, objective_seconds)
        told = (weights @ train.saved + INERTIA * told) / (weights.sum(axis=1) + INERTIA)[:, np.newaxis]
    return told


def _table(shape: Shape, known: Moments, objective_seconds: float) -> pd.DataFrame:
    phases, quiet = shape.phases, np.array(QUIET) * objective_seconds
    saved = np.stack([_mean(shape, known, (phases, np.full_like(phases, least)), objective_seconds) for least in quiet], axis=1)
    gained = objective_seconds * (saved - saved[:, :, :1])
    half = (shape.period or WIDE) / len(phases) / 2
    lower, upper = np.append(0.0, quiet[1:]), np.append(quiet[1:], WIDE)
    rows = [
        {
            "band_id": f"p{place:04d}-q{band:02d}",
            "phase_min": phases[place] - half,
            "phase_max": phases[place] + half,
            "quiet_min_seconds": lower[band],
            "quiet_max_seconds": upper[band],
            "step_seconds": STEP * objective_seconds,
            "gained_seconds": gained[place, band].round(4).tolist(),
        }
        for place, band in product(range(len(phases)), range(len(quiet)))
    ]
    return pd.DataFrame(rows, columns=RHYTHM.column_names)

"""Learns the gain of later starts from arrivals: the contract's table `rhythm`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import RHYTHM
from almanac.workloads.events.policy.costs import Floats, Integers

# Later starts reach so many objectives ahead, in steps of one twentieth.
REACH, STEP = 2.0, 0.05
# Lower ends of the bands of seconds without an arrival, in objectives. With less since the last event, its
# burst is not over.
QUIET = (0.01, 0.1, 0.3, 0.6, 1.0)
# Cycles that clocks and timers have, and how exactly they keep them; both in seconds.
PERIODS, WIDTHS = (10.0, 60.0), (0.05, 0.1, 0.2)
# The width of the kernel over the logarithm of quiet seconds, and the weight of the mean of all samples.
QUIET_WIDTH, INERTIA = 0.3, 5.0
LEAST_GAPS, MOST_GAPS = 300, 1_000
# Kernels are compared on the later blocks of time, each predicted from all before it. A kernel wins by this
# share of the squared error in all, and in so many of the blocks.
BLOCKS, FIRST_BLOCK = 10, 4
WORTH_IT, LEAST_WON = 0.01, 4
WIDE = 1_000_000.0


class Samples(NamedTuple):
    """Instants at which a batch could have started, seconds since 1970.

    `quiet` are the seconds without an arrival; `saved` are the batches saved by each later start, shape
    (samples, starts).
    """

    instants: Floats
    quiet: Floats
    saved: Floats

    def part(self, places: Integers) -> "Samples":
        """Return some of the samples."""
        return Samples(*(column[places] for column in self))


class Points(NamedTuple):
    """Points at which a mean is wanted: instants or phases, and quiet seconds."""

    instants: Floats
    quiet: Floats


# Returns the batches saved at the samples of a test block, predicted from training samples.
Forecast = Callable[[float, Samples, Samples], Floats]


@dataclass(frozen=True)
class Kernel:
    """How alike two samples are: by quiet seconds, and by the second of a cycle.

    The cycle has `period` seconds; 0 is for none. `width` is how exactly the cycle is kept, in seconds.
    """

    period: float = 0.0
    width: float = 0.0

    @property
    def length(self) -> float:
        """The seconds that the bands cover; without a cycle one band covers all."""
        return self.period or WIDE

    @property
    def phases(self) -> Floats:
        """The middles of the bands of the cycle."""
        bands = self._bands
        return (np.arange(bands) + 0.5) * self.length / bands

    @property
    def _bands(self) -> int:
        """How many bands the cycle has; one band is twice the width."""
        return max(1, round(self.period / (2 * self.width))) if self.period else 1

    def weights(self, points: Points, samples: Samples, objective_seconds: float) -> Floats:
        """Return how alike points and samples are, 0 to 1, shape (points, samples)."""
        least = 0.02 * objective_seconds
        ratio = (points.quiet[:, np.newaxis] + least) / (samples.quiet + least)
        distance = np.log(ratio) / QUIET_WIDTH
        if self.period:
            distance = np.hypot(distance, self._cycle_distance(points.instants, samples.instants))
        alike: Floats = np.exp(-0.5 * distance**2)
        return alike

    def _cycle_distance(self, ours: Floats, theirs: Floats) -> Floats:
        apart = np.abs(ours[:, np.newaxis] % self.period - theirs % self.period)
        distance: Floats = np.minimum(apart, self.period - apart) / self.width
        return distance


def learn(instants: Floats, objective_seconds: float) -> pd.DataFrame:
    """Return the contract's `rhythm`, learned from arrivals (seconds since 1970, in order).

    Of the kernels, simplest first, one is chosen if it lowers the squared error of the batches that later
    starts save, on blocks of time later than its training. The gains are kernel means (Nadaraya and Watson,
    1964); a saved batch counts as the objective. The table is empty where no kernel is better than a
    straight line.
    """
    empty = pd.DataFrame(columns=RHYTHM.column_names)
    if len(instants) <= LEAST_GAPS:
        return empty
    all_samples = samples(instants, objective_seconds)
    if (all_samples.quiet == QUIET[0] * objective_seconds).sum() < LEAST_GAPS:
        return empty
    kernel = _best_kernel(all_samples, objective_seconds)
    return empty if kernel is None else _table(kernel, all_samples, objective_seconds)


def samples(instants: Floats, objective_seconds: float) -> Samples:
    """Return samples from the newest MOST_GAPS gaps between arrivals, with batches saved by later starts.

    Batches are counted as the rule T makes them: the first event that is left opens one, which takes all
    that arrive within the objective.
    """
    quiet = np.array(QUIET) * objective_seconds
    last, since = _gap_samples(np.diff(instants), quiet)
    begun = instants[last] + since
    # The batches after the end of the arrivals are unknown.
    is_whole = begun + REACH * objective_seconds <= instants[-1]
    saved = _saved(instants, objective_seconds, last[is_whole], begun[is_whole])
    return Samples(begun[is_whole], since[is_whole], saved)


def _saved(instants: Floats, objective_seconds: float, last: Integers, begun: Floats) -> Floats:
    """Return the batches that each later start would have saved, for samples after event `last`."""
    left = _batches_left(instants, objective_seconds)
    starts = begun[:, np.newaxis] + _ahead(objective_seconds)
    reached = np.searchsorted(instants, starts, side="right")
    saved: Floats = left[last + 1][:, np.newaxis] - left[reached]
    return saved


def _gap_samples(gaps: Floats, quiet: Floats) -> tuple[Integers, Floats]:
    """Return a sample for each gap and each quiet band that it reaches.

    A sample is the place of the event before the gap, and the quiet seconds.
    """
    before = np.flatnonzero(gaps > quiet[0])[-MOST_GAPS:]
    counts = np.searchsorted(quiet, gaps[before])
    firsts = np.cumsum(counts) - counts
    bands = np.arange(counts.sum()) - np.repeat(firsts, counts)
    return np.repeat(before, counts), quiet[bands]


def _batches_left(instants: Floats, objective_seconds: float) -> Floats:
    """Return how many batches rule T makes of the events from each one on."""
    following = np.searchsorted(instants, instants + objective_seconds, side="right")
    left = np.zeros(len(instants) + 1)
    for first in range(len(instants) - 1, -1, -1):
        left[first] = 1 + left[following[first]]
    return left


def _ahead(objective_seconds: float) -> Floats:
    ahead: Floats = np.linspace(0.0, REACH * objective_seconds, round(REACH / STEP) + 1)
    return ahead


def _best_kernel(samples: Samples, objective_seconds: float) -> Kernel | None:
    """Return the kernel that pays, or None for a straight line."""
    best = None
    least = _errors(samples, objective_seconds, _line)
    for kernel in _kernels():
        errors = _errors(samples, objective_seconds, partial(_kernel_forecast, kernel))
        if _is_better(errors, least):
            best, least = kernel, errors
    return best


def _is_better(errors: Floats, least: Floats) -> bool:
    """Return whether errors are smaller than the least so far: in all by a share, and in enough blocks."""
    is_worth_it = errors.sum() < (1 - WORTH_IT) * least.sum()
    return bool(is_worth_it and (errors < least).sum() >= LEAST_WON)


def _kernels() -> Iterator[Kernel]:
    yield Kernel()
    yield from (Kernel(period, width) for period, width in product(PERIODS, reversed(WIDTHS)))


def _errors(samples: Samples, objective_seconds: float, forecast: Forecast) -> Floats:
    """Return the sums of squared errors of blocks of time, each predicted from earlier samples."""
    blocks = np.array_split(np.arange(len(samples.instants)), BLOCKS)[FIRST_BLOCK:]
    return np.array([_block_error(samples, block, objective_seconds, forecast) for block in blocks])


def _block_error(samples: Samples, block: Integers, objective_seconds: float, forecast: Forecast) -> float:
    test = samples.part(block)
    ends = samples.instants + REACH * objective_seconds
    train = samples.part(np.flatnonzero(ends < test.instants[0]))
    if not len(train.instants):
        # All events arrived at once: there is nothing earlier to learn from.
        return float(np.inf)
    errors = test.saved - forecast(objective_seconds, train, test)
    return float((errors**2).sum())


def _line(objective_seconds: float, train: Samples, test: Samples) -> Floats:
    """Return the line through zero that has the least squared error on the training samples."""
    ahead = _ahead(objective_seconds)
    saved = float((train.saved @ ahead).sum())
    slope = saved / (len(train.saved) * float(ahead @ ahead))
    line: Floats = np.broadcast_to(slope * ahead, test.saved.shape)
    return line


def _kernel_forecast(kernel: Kernel, objective_seconds: float, train: Samples, test: Samples) -> Floats:
    return _mean_saved(kernel, train, Points(test.instants, test.quiet), objective_seconds)


def _mean_saved(kernel: Kernel, train: Samples, points: Points, objective_seconds: float) -> Floats:
    """Return the kernel mean of the batches saved at some points.

    Where few samples are alike, the mean leans on those alike in quiet seconds, and these on all samples.
    """
    shape = len(points.instants), train.saved.shape[1]
    mean: Floats = np.broadcast_to(train.saved.mean(axis=0), shape)
    for step in (Kernel(), kernel) if kernel.period else (kernel,):
        weights = step.weights(points, train, objective_seconds)
        total = (weights.sum(axis=1) + INERTIA)[:, np.newaxis]
        mean = (weights @ train.saved + INERTIA * mean) / total
    return mean


def _table(kernel: Kernel, samples: Samples, objective_seconds: float) -> pd.DataFrame:
    """Return the rows of the table, one for each phase and each quiet band."""
    phases = _phase_bands(kernel)
    quiet = _quiet_bands(objective_seconds)
    rows = phases.merge(quiet, how="cross")
    gained = objective_seconds * _saved_by_band(kernel, samples, objective_seconds)
    by_row = gained.reshape(len(rows), -1).round(4)
    rows["band_id"] = rows["phase"] + "-" + rows["band"]
    rows["step_seconds"] = STEP * objective_seconds
    rows["gained_seconds"] = by_row.tolist()
    return rows[RHYTHM.column_names]


def _phase_bands(kernel: Kernel) -> pd.DataFrame:
    phases = kernel.phases
    half = kernel.length / len(phases) / 2
    names = [f"p{place:04d}" for place in range(len(phases))]
    return pd.DataFrame({"phase": names, "phase_min": phases - half, "phase_max": phases + half})


def _quiet_bands(objective_seconds: float) -> pd.DataFrame:
    inner = np.array(QUIET[1:]) * objective_seconds
    names = [f"q{band:02d}" for band in range(len(QUIET))]
    lower = np.append(0.0, inner)
    upper = np.append(inner, WIDE)
    return pd.DataFrame({"band": names, "quiet_min_seconds": lower, "quiet_max_seconds": upper})


def _saved_by_band(kernel: Kernel, samples: Samples, objective_seconds: float) -> Floats:
    """Return the batches saved, shape (phases, quiet bands, starts)."""
    phases, quiet = kernel.phases, np.array(QUIET) * objective_seconds
    bands = [Points(phases, np.full_like(phases, least)) for least in quiet]
    return np.stack([_mean_saved(kernel, samples, points, objective_seconds) for points in bands], axis=1)

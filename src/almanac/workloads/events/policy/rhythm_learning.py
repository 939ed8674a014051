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
    def phases(self) -> Floats:
        """The middles of the bands of the cycle; one band is twice the width."""
        bands = max(1, round(self.period / (2 * self.width))) if self.period else 1
        return (np.arange(bands) + 0.5) * (self.period or WIDE) / bands

    def weights(self, points: Points, samples: Samples, objective_seconds: float) -> Floats:
        """Return how alike points and samples are, 0 to 1, shape (points, samples)."""
        least = 0.02 * objective_seconds
        distance = np.log((points.quiet[:, np.newaxis] + least) / (samples.quiet + least)) / QUIET_WIDTH
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
    last, since, begun = last[is_whole], since[is_whole], begun[is_whole]
    left = _batches_left(instants, objective_seconds)
    reached = np.searchsorted(instants, begun[:, np.newaxis] + _ahead(objective_seconds), side="right")
    return Samples(begun, since, left[last + 1][:, np.newaxis] - left[reached])


def _gap_samples(gaps: Floats, quiet: Floats) -> tuple[Integers, Floats]:
    """Return a sample for each gap and each quiet band that it reaches.

    A sample is the place of the event before the gap, and the quiet seconds.
    """
    before = np.flatnonzero(gaps > quiet[0])[-MOST_GAPS:]
    counts = np.searchsorted(quiet, gaps[before])
    bands = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
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
    best, least = None, _errors(samples, objective_seconds, _line)
    for kernel in _kernels():
        errors = _errors(samples, objective_seconds, partial(_kernel_forecast, kernel))
        is_better = errors.sum() < (1 - WORTH_IT) * least.sum()
        if is_better and (errors < least).sum() >= LEAST_WON:
            best, least = kernel, errors
    return best


def _kernels() -> Iterator[Kernel]:
    yield Kernel()
    yield from (Kernel(period, width) for period, width in product(PERIODS, reversed(WIDTHS)))


def _errors(samples: Samples, objective_seconds: float, forecast: Forecast) -> Floats:
    """Return the sums of squared errors of blocks of time, each predicted from earlier samples."""
    blocks = np.array_split(np.arange(len(samples.instants)), BLOCKS)[FIRST_BLOCK:]
    return np.array([_block_error(samples, block, objective_seconds, forecast) for block in blocks])


def _block_error(samples: Samples, block: Integers, objective_seconds: float, forecast: Forecast) -> float:
    test = samples.part(block)
    is_earlier = samples.instants + REACH * objective_seconds < test.instants[0]
    train = samples.part(np.flatnonzero(is_earlier))
    if not len(train.instants):
        # All events arrived at once: there is nothing earlier to learn from.
        return float(np.inf)
    return float(((test.saved - forecast(objective_seconds, train, test)) ** 2).sum())


def _line(objective_seconds: float, train: Samples, test: Samples) -> Floats:
    ahead = _ahead(objective_seconds)
    slope = float((train.saved @ ahead).sum()) / (len(train.saved) * float(ahead @ ahead))
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
    phases, quiet = kernel.phases, np.array(QUIET) * objective_seconds
    half = (kernel.period or WIDE) / len(phases) / 2
    lower, upper = np.append(0.0, quiet[1:]), np.append(quiet[1:], WIDE)
    places = list(product(range(len(phases)), range(len(quiet))))
    by_phase, by_band = (np.array(each) for each in zip(*places, strict=True))
    gained = objective_seconds * _saved_by_band(kernel, samples, objective_seconds)
    rows = pd.DataFrame(
        {
            "band_id": [f"p{phase:04d}-q{band:02d}" for phase, band in places],
            "phase_min": phases[by_phase] - half,
            "phase_max": phases[by_phase] + half,
            "quiet_min_seconds": lower[by_band],
            "quiet_max_seconds": upper[by_band],
            "step_seconds": STEP * objective_seconds,
            "gained_seconds": gained[by_phase, by_band].round(4).tolist(),
        }
    )
    return rows[RHYTHM.column_names]


def _saved_by_band(kernel: Kernel, samples: Samples, objective_seconds: float) -> Floats:
    """Return the batches saved, shape (phases, quiet bands, starts)."""
    phases, quiet = kernel.phases, np.array(QUIET) * objective_seconds
    bands = [Points(phases, np.full_like(phases, least)) for least in quiet]
    return np.stack([_mean_saved(kernel, samples, points, objective_seconds) for points in bands], axis=1)

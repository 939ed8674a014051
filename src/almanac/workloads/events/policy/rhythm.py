"""What a later start saves, by how long nothing has come in and by the second of a cycle: learned from arrivals, only looked up later."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import RHYTHM
from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.replays.load import Integers

# What starts (instants) gain, in seconds.
Gain = Callable[[Floats], Floats]
# Later starts are looked at up to so many objectives ahead, in steps of one twentieth.
REACH, STEP = 2.0, 0.05
# Seconds without an arrival, in objectives: the lower ends of the bands. With less since the last one its burst is not over.
QUIET = (0.01, 0.1, 0.3, 0.6, 1.0)
# Cycles that clocks and timers have, and how exactly they are kept; both in seconds.
PERIODS, WIDTHS = (10.0, 60.0), (0.05, 0.1, 0.2)
# How near in time without an arrival (ratio), and how much the mean of all counts beside what is near.
QUIET_WIDTH, INERTIA = 0.3, 5.0
LEAST_GAPS, MOST_GAPS = 300, 1_000
# Shapes are compared on the later of so many blocks of time, each told from all before it, and win by this share of the squared error
# in all, and in so many of the blocks.
BLOCKS, FIRST_BLOCK = 10, 4
WORTH_IT, LEAST_WON = 0.01, 4
WIDE = 1_000_000.0
log = logging.getLogger("almanac.events")


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
        """The edges of the phases, the lower ends of the quiet bands, and the gains of each; raises ValueError where it is no whole table."""
        rows = pd.DataFrame(self.rows).sort_values(["phase_min", "quiet_min_seconds"])
        phases = np.append(
            np.unique(rows["phase_min"].to_numpy(dtype=np.float64)), float(rows["phase_max"].max())
        )
        quiet = np.unique(rows["quiet_min_seconds"].to_numpy(dtype=np.float64))
        gains = np.array(rows["gained_seconds"].tolist(), dtype=np.float64)
        step = float(rows["step_seconds"].iloc[0])
        is_whole = gains.ndim == 2 and gains.shape[1] > 1 and len(rows) == (len(phases) - 1) * len(quiet)
        if not is_whole or not np.isfinite(gains).all() or not step > 0 or not (np.diff(phases) > 0).all():
            raise ValueError(
                f"{len(rows)} rows are no whole table of {len(phases) - 1} by {len(quiet)} bands"
            )
        return phases, quiet, gains.reshape(len(phases) - 1, len(quiet), -1)


def checked(rows: pd.DataFrame) -> Rhythm:
    """Return what a published table says, or that nothing is known of arrivals where it is no whole table, and say so."""
    known = Rhythm(rows)
    try:
        known.gained(newest=0.0, now=0.0)
    except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError) as error:
        log.warning("the rhythm of arrivals cannot be used (%s); a second gained is a second", error)
        return Rhythm()
    return known


def learn(instants: Floats, objective_seconds: float) -> pd.DataFrame:
    """Return the contract's `rhythm`, learned from arrivals (seconds since 1970, in order); empty where time alone tells as much.

    Of the shapes, simplest first, one is taken if it lowers the squared error of what later starts save, on blocks of time later than
    those it was learned on. The gains are means over like moments (Nadaraya and Watson, 1964); a batch saved counts as the objective.
    """
    if len(instants) <= LEAST_GAPS:
        return pd.DataFrame(columns=RHYTHM.column_names)
    known = moments(instants, objective_seconds)
    if (known.quiet == QUIET[0] * objective_seconds).sum() < LEAST_GAPS:
        return pd.DataFrame(columns=RHYTHM.column_names)
    shape = _chosen(known, objective_seconds)
    return (
        pd.DataFrame(columns=RHYTHM.column_names)
        if shape is None
        else _table(shape, known, objective_seconds)
    )


def moments(instants: Floats, objective_seconds: float) -> Moments:
    """Return moments in the newest MOST_GAPS gaps between arrivals, and the batches that each later start would have saved.

    Batches are counted as the rule T makes them: the first event that is left opens one, which takes all that comes within the objective.
    """
    left, quiet = _batches_left(instants, objective_seconds), np.array(QUIET) * objective_seconds
    gaps = np.diff(instants)
    before = np.flatnonzero(gaps > quiet[0])[-MOST_GAPS:]
    counts = np.searchsorted(quiet, gaps[before])
    last = np.repeat(before, counts)
    known = quiet[np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)]
    begun = instants[last] + known
    # What comes after the end is not known.
    whole = begun + REACH * objective_seconds <= instants[-1]
    last, known, begun = last[whole], known[whole], begun[whole]
    reached = np.searchsorted(instants, begun[:, np.newaxis] + _ahead(objective_seconds), side="right")
    return Moments(begun, known, left[last + 1][:, np.newaxis] - left[reached])


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
    best, least = None, _errors(known, objective_seconds, _straight)
    for shape in _shapes():
        errors = _errors(known, objective_seconds, partial(_like, shape))
        if errors.sum() < (1 - WORTH_IT) * least.sum() and (errors < least).sum() >= LEAST_WON:
            best, least = shape, errors
    return best


def _shapes() -> Iterator[Shape]:
    yield Shape()
    yield from (Shape(period, width) for period, width in product(PERIODS, reversed(WIDTHS)))


def _errors(
    known: Moments, objective_seconds: float, told: Callable[[float, Moments, Moments], Floats]
) -> Floats:
    """Return the sums of squared errors of blocks of time, each told from moments that knew nothing of it."""
    blocks, errors = np.array_split(np.arange(len(known.instants)), BLOCKS), []
    for block in blocks[FIRST_BLOCK:]:
        test = known.part(block)
        train = known.part(np.flatnonzero(known.instants + REACH * objective_seconds < test.instants[0]))
        # Where all came at once there is nothing earlier to learn from.
        errors.append(
            float(((test.saved - told(objective_seconds, train, test)) ** 2).sum())
            if len(train.instants)
            else np.inf
        )
    return np.array(errors)


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
    saved = np.stack(
        [_mean(shape, known, (phases, np.full_like(phases, least)), objective_seconds) for least in quiet],
        axis=1,
    )
    gained = objective_seconds * saved
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

"""The best instant to start a batch, given the worth of a missed event."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.policy.goal import Goal, Tradeoff
from almanac.workloads.events.policy.rhythm import Gain

# Median seconds of batches of some counts and kB, and the standard deviation of their logarithm.
Predictor = Callable[[Integers, Floats], tuple[Floats, Floats]]

# At most so many of the oldest events are weighed one by one.
OLDEST = 8
# Starts are tried at these standard deviations of luck before each deadline.
TRIED = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
Z_90 = 1.2815515655446004
# A far event has to gain so many objectives.
FAR_WORTH = 0.1
LEAST_SPREAD = 0.005


class Timing(NamedTuple):
    """The processing seconds of a batch, log-normal: median, and standard deviation of the logarithm."""

    seconds: float
    spread: float


def spread_of(seconds: Floats, p90_seconds: Floats) -> Floats:
    """Return the deviation of the logarithm of a log-normal with this median and 90th percentile."""
    ratio = np.maximum(p90_seconds, 1e-9) / np.maximum(seconds, 1e-9)
    spread: Floats = np.maximum(np.log(ratio) / Z_90, LEAST_SPREAD)
    return spread


def linearly(starts: Floats) -> Floats:
    """Return the gain of starts without a rhythm of arrivals: each second later gains a second."""
    return starts


def best_start(
    oldest: Floats, earliest: float, timing: Timing, tradeoff: Tradeoff, gained: Gain = linearly
) -> float:
    """Return the instant with the greatest gain less the worth of expected misses, the latest of equals.

    `oldest` are the arrivals of the oldest events, at most OLDEST, in order. All instants are on one clock,
    and `earliest` is now. With a high worth the result is the last moment at which the oldest event is not
    missed: rule T.
    """
    goal = tradeoff.goal
    starts = _candidates(oldest, earliest, timing, goal)
    missed = _expected_misses(oldest + goal.planned_seconds, starts, timing)
    values = gained(starts) - tradeoff.worth_seconds * missed
    if goal.far_now:
        far = _expected_misses(oldest + goal.far_seconds, starts, timing)
        values -= FAR_WORTH * goal.objective_seconds * far
    latest_best = int(np.argmax(values[::-1])) + 1
    return float(starts[-latest_best])


def missed_chance(room: Floats, seconds: float | Floats, spread: float) -> Floats:
    """Return the chance that a batch takes longer than `room` seconds, given its median and spread."""
    chance: Floats = ndtr(np.log(seconds / np.maximum(room, 1e-9)) / spread)
    return chance


def _candidates(oldest: Floats, earliest: float, timing: Timing, goal: Goal) -> Floats:
    """Return the starts to try, in order: shortly before each deadline, and the latest one."""
    ends = oldest + goal.planned_seconds
    if goal.far_now:
        ends = np.concatenate([ends, oldest + goal.latest_seconds])
    lengths = timing.seconds * np.exp(timing.spread * TRIED)
    before = (ends[:, np.newaxis] - lengths).ravel()
    last = max(earliest, _last_end(oldest, goal) - timing.seconds)
    starts: Floats = np.sort(np.clip(np.append(before, last), earliest, last))
    return starts


def _expected_misses(deadlines: Floats, starts: Floats, timing: Timing) -> Floats:
    """Return how many events are expected to miss their deadlines, for each start."""
    room = deadlines - starts[:, np.newaxis]
    misses: Floats = missed_chance(room, timing.seconds, timing.spread).sum(axis=1)
    return misses


def _last_end(oldest: Floats, goal: Goal) -> float:
    """Return the latest end of a batch: before more events become far than may be.

    With OLDEST events there may be others that are not listed, so the last listed one is not to be missed.
    """
    first = float(oldest[0])
    end = first + goal.latest_seconds
    if not goal.far_now:
        return end
    bounds = [first + goal.horizon_seconds]
    if goal.far_now < len(oldest):
        bounds.append(float(oldest[goal.far_now]) + goal.latest_seconds)
    if len(oldest) == OLDEST:
        bounds.append(float(oldest[-1]) + goal.planned_seconds)
    return max(end, min(bounds))

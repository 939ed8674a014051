"""How many of the waiting events to take first, where one batch of all of them would come too late for many."""

from dataclasses import dataclass

import numpy as np

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.rhythm import Gain, Rhythm
from almanac.workloads.events.policy.start import Patience, Predictor, linearly, missed_chance
from almanac.workloads.events.replays.load import Integers

# So many first parts are tried at most.
MOST_TRIED = 32
# The rest leaves this many deviations of luck between its start and the last moment of its oldest.
SURE = 2.0
# Misses worth less than this share of the objective do not pay for another batch, whatever the first part.
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Waiting:
    """The events that wait now, in the order in which they are taken: when each arrived, and the kB of each; `begins` is instant 0, since 1970."""

    arrivals: Floats
    kb: Floats
    now: float
    begins: float = 0.0

    def gained(self, rhythm: Rhythm) -> Gain:
        """Return what later starts gain."""
        gain = rhythm.gained(newest=self.begins + float(self.arrivals.max()), now=self.begins + self.now)
        return lambda starts: gain(self.begins + starts)


def first_part(
    waiting: Waiting, start: float, predict: Predictor, patience: Patience, gained: Gain = linearly
) -> int | None:
    """Return how many events to take at once, where two batches are better than one of all at `start`; else None.

    A batch more is worth as much as a start that is later by the whole objective, since about so long one batch is enough.
    """
    count, goal, worth = len(waiting.arrivals), patience.goal, patience.worth_seconds
    if count == 1:
        return None
    room = waiting.arrivals + goal.planned_seconds
    seconds, spreads = predict(np.array([count]), waiting.kb.sum(keepdims=True))
    missed = float(missed_chance(room - start, seconds, float(spreads[0])).sum())
    if worth * missed < LEAST_SHARE * goal.objective_seconds:
        return None
    parts = np.unique(np.linspace(1, count - 1, min(count - 1, MOST_TRIED)).round().astype(np.int64))
    values = _values(waiting, parts, predict, patience, gained) - goal.objective_seconds
    best = int(np.argmax(values))
    return int(parts[best]) if values[best] > float(gained(np.array([start]))[0]) - worth * missed else None


def _values(
    waiting: Waiting, parts: Integers, predict: Predictor, patience: Patience, gained: Gain
) -> Floats:
    """Return what the start of the rest gains, less what all misses are worth, for each first part that starts now."""
    count, deadlines = len(waiting.arrivals), waiting.arrivals + patience.goal.planned_seconds
    kb = np.concatenate([[0.0], np.cumsum(waiting.kb)])
    first, spreads = predict(parts, kb[parts])
    rest, _ = predict(count - parts, kb[-1] - kb[parts])
    # By priority the oldest need not be the first.
    oldest = np.minimum.accumulate(deadlines[::-1])[::-1]
    begins = np.maximum(waiting.now + first, oldest[parts] - rest * np.exp(SURE * spreads))
    is_first = np.arange(count) < parts[:, np.newaxis]
    room = deadlines - np.where(is_first, waiting.now, begins[:, np.newaxis])
    seconds = np.where(is_first, first[:, np.newaxis], rest[:, np.newaxis])
    values: Floats = gained(begins) - patience.worth_seconds * missed_chance(
        room, seconds, float(spreads[0])
    ).sum(axis=1)
    return values

"""The best plan in hindsight, when all arrivals and processing times are known: dynamic programming."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.costs import Floats, Integers, Prices
from almanac.workloads.events.policy.goal import FAR
from almanac.workloads.events.replays.load import Load
from almanac.workloads.events.replays.replay import Replay, of_rows

# So many ways to have done the first events are kept.
LABELS = 4
# A batch that spans more than this many objectives costs more misses than a second batch does.
WIDEST = 2.0
# A miss at this price is worth ten batches or more: no plan saves one to miss another event.
SURE_PRICE = 1.0


class Point(NamedTuple):
    """One plan: the price of a miss that it was made for, its share of misses and its cost per event."""

    price: float
    missed_share: float
    cost_per_event: float


class Due(NamedTuple):
    """A latency in seconds, and the price of an event that takes longer."""

    seconds: float
    price: float


@dataclass(frozen=True)
class Labels:
    """The best ways to have done the first events, shape (events + 1, LABELS).

    When each frees the worker, its cost so far, and the row and the label of the way that it extends.
    """

    free: Floats
    cost: Floats
    before: Integers
    label: Integers

    @classmethod
    def of_nothing(cls, count: int) -> "Labels":
        """Return the labels where no event is done yet."""
        shape = count + 1, LABELS
        free = np.full(shape, np.inf)
        cost = np.full(shape, np.inf)
        free[0, 0], cost[0, 0] = -np.inf, 0.0
        return cls(free, cost, np.zeros(shape, np.int64), np.zeros(shape, np.int64))

    def keep_best(self, done: int, low: int, free: Floats, cost: Floats) -> None:
        """Keep the LABELS cheapest of some ways that free the worker earlier than any cheaper one.

        They extend row `low` on.
        """
        best = _best(free, cost)
        places = slice(len(best))
        self.free[done, places] = free[best]
        self.cost[done, places] = cost[best]
        self.before[done, places] = low + best // LABELS
        self.label[done, places] = best % LABELS


def plan(
    load: Load, prices: Prices, *, objective_seconds: float, miss_price: float, far_price: float = 0.0
) -> Replay:
    """Return the plan with the least cost, where an event later than the objective costs `miss_price` more.

    An event later than FAR objectives costs `far_price` in addition. A batch starts as soon as its last
    event has arrived and the worker is free: a later start is never better, since other events only wait.
    """
    dues = [Due(objective_seconds, miss_price), Due(FAR * objective_seconds, far_price)]
    return _traced(load, _labels(load, prices, dues))


def frontier(load: Load, prices: Prices, *, objective_seconds: float, miss_prices: Floats) -> list[Point]:
    """Return the best plan for each price of a miss, in the order of their misses."""
    points = []
    for price in miss_prices.tolist():
        best = plan(load, prices, objective_seconds=objective_seconds, miss_price=price)
        points.append(Point(price, best.missed_share(objective_seconds), best.cost_per_event(prices)))
    return sorted(points, key=lambda point: (point.missed_share, point.cost_per_event))


def fewest_misses(load: Load, prices: Prices, *, objective_seconds: float) -> Replay:
    """Return the plan with the fewest misses of one who knows all arrivals, but not the luck of each batch.

    Batches take their mean seconds. Who knew their luck would choose the lucky ones.
    """
    mean = replace(load, luck=np.ones_like(load.luck))
    return plan(mean, prices, objective_seconds=objective_seconds, miss_price=SURE_PRICE)


def cost_at(points: Sequence[Point], missed_share: float) -> float:
    """Return the least cost per event at a share of misses, on the straight lines between the points.

    Beyond the ends it is the cost at the end. The lines lie on or below the true optimum, so comparisons
    with it are strict.
    """
    shares = [point.missed_share for point in points]
    return float(np.interp(missed_share, shares, [point.cost_per_event for point in points]))


def _labels(load: Load, prices: Prices, dues: Sequence[Due]) -> Labels:
    """Return the best ways to have done the first events, for each number of events."""
    labels = Labels.of_nothing(len(load))
    widest = load.arrivals - WIDEST * dues[0].seconds
    earliest = np.searchsorted(load.arrivals, widest).tolist()
    for done in range(1, len(load) + 1):
        low = max(done - LARGEST_BATCH, min(earliest[done - 1], done - 1))
        firsts = np.arange(low, done)
        seconds = load.seconds(firsts, done)
        own_cost = prices.totals(done - firsts, seconds)
        ready = np.maximum(labels.free[low:done], load.arrivals[done - 1])
        free = ready + seconds[:, np.newaxis]
        cost = labels.cost[low:done] + own_cost[:, np.newaxis]
        for due in dues:
            if due.price:
                cost = cost + due.price * _late(load, firsts, done, free - due.seconds)
        labels.keep_best(done, low, free.ravel(), cost.ravel())
    return labels


def _best(free: Floats, cost: Floats) -> Integers:
    """Return the places of the cheapest ways, each of which frees the worker earlier than any cheaper one."""
    order = np.argsort(cost, kind="stable")
    ordered = free[order]
    is_earlier = np.ones(len(order), dtype=np.bool_)
    is_earlier[1:] = ordered[1:] < np.minimum.accumulate(ordered)[:-1]
    best = order[is_earlier][:LABELS]
    return best[np.isfinite(cost[best])]


def _late(load: Load, firsts: Integers, done: int, bounds: Floats) -> Integers:
    """Return how many events of each batch arrived before a bound; batches end before event `done`."""
    arrived = np.searchsorted(load.arrivals, bounds.ravel()).reshape(bounds.shape)
    sizes = done - firsts
    late: Integers = np.clip(arrived - firsts[:, np.newaxis], 0, sizes[:, np.newaxis])
    return late


def _traced(load: Load, labels: Labels) -> Replay:
    """Return the cheapest way to have done all events, traced back from the last batch."""
    done, label = len(load), 0
    rows = []
    while done > 0:
        before, next_label = int(labels.before[done, label]), int(labels.label[done, label])
        seconds = float(load.seconds(before, done))
        start = labels.free[done, label] - seconds
        rows.append((before, done - before, start, seconds))
        done, label = before, next_label
    return of_rows(load, rows[::-1])

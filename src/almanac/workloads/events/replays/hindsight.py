"""What would have been best: a worker who knows all arrivals and all processing times, found by dynamic programming."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from almanac.workloads.events.contract import LARGEST_BATCH
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.start import FAR
from almanac.workloads.events.replays.load import Integers, Load
from almanac.workloads.events.replays.replay import Replay

LABELS = 4
# A batch that spans more than this many objectives costs more misses than a second batch does.
WIDEST = 2.0


class Point(NamedTuple):
    """One plan: the price of a miss it was made for, its share of misses and its cost per event."""

    price: float
    missed_share: float
    cost_per_event: float


@dataclass(frozen=True)
class Table:
    """For each number of events done, the best ways to have done them: when the worker is free, the value so far, and whence."""

    free: Floats
    value: Floats
    before: Integers
    label: Integers


def plan(
    load: Load, prices: Prices, *, objective_seconds: float, miss_price: float, far_price: float = 0.0
) -> Replay:
    """Return the plan with the least cost plus `miss_price` for each event later than the objective, and `far_price` if later than FAR of it.

    A batch starts as soon as its last event is there and the worker is free: later is never better, since others only wait.
    Of the ways to have done the first k events the LABELS cheapest are kept that free the worker earlier than any cheaper one.
    """
    table = _filled(load, prices, [(objective_seconds, miss_price), (FAR * objective_seconds, far_price)])
    return _traced(load, table)


def frontier(load: Load, prices: Prices, *, objective_seconds: float, miss_prices: Floats) -> list[Point]:
    """Return what can be had at best for each price of a miss."""
    found = []
    for price in miss_prices:
        best = plan(load, prices, objective_seconds=objective_seconds, miss_price=float(price))
        found.append(
            Point(
                float(price),
                best.missed_share(objective_seconds),
                float(best.costs(prices).sum() / len(load)),
            )
        )
    return sorted(found, key=lambda point: (point.missed_share, point.cost_per_event))


def cost_at(points: list[Point], missed_share: float) -> float:
    """Return the least cost per event at a share of misses, on the straight lines between the points.

    Beyond the ends it is the cost at the end. The lines lie on or below the true optimum, so comparisons with it are strict.
    """
    return float(
        np.interp(
            missed_share, [point.missed_share for point in points], [point.cost_per_event for point in points]
        )
    )


def _filled(load: Load, prices: Prices, dues: Sequence[tuple[float, float]]) -> Table:
    """Fill the table; `dues` are latencies in seconds, the first of them the objective, with the price of an event that takes longer."""
    count, (objective_seconds, _) = len(load), dues[0]
    table = Table(
        *(np.full((count + 1, LABELS), fill) for fill in (np.inf, np.inf)),
        *(np.zeros((count + 1, LABELS), np.int64) for _ in range(2)),
    )
    table.free[0, 0], table.value[0, 0] = -np.inf, 0.0
    earliest = np.searchsorted(load.arrivals, load.arrivals - WIDEST * objective_seconds)
    for done in range(1, count + 1):
        low = max(done - LARGEST_BATCH, min(int(earliest[done - 1]), done - 1))
        firsts = np.arange(low, done)
        seconds = load.seconds(firsts, done)
        free = np.maximum(table.free[low:done], load.arrivals[done - 1]) + seconds[:, np.newaxis]
        value = table.value[low:done] + (prices.totals(done - firsts, seconds))[:, np.newaxis]
        for due, price in dues:
            late = np.searchsorted(load.arrivals, free.ravel() - due).reshape(free.shape) if price else 0
            value = value + price * np.clip(late - firsts[:, np.newaxis], 0, (done - firsts)[:, np.newaxis])
        _keep(table, done, low, free.ravel(), value.ravel())
    return table


def _keep(table: Table, done: int, low: int, free: Floats, value: Floats) -> None:
    order = np.argsort(value, kind="stable")
    ordered = free[order]
    earlier = np.concatenate([[True], ordered[1:] < np.minimum.accumulate(ordered)[:-1]])
    kept = order[earlier][:LABELS]
    kept = kept[np.isfinite(value[kept])]
    table.free[done, : len(kept)], table.value[done, : len(kept)] = free[kept], value[kept]
    table.before[done, : len(kept)], table.label[done, : len(kept)] = low + kept // LABELS, kept % LABELS


def _traced(load: Load, table: Table) -> Replay:
    done, label, rows = len(load), 0, []
    while done > 0:
        before = int(table.before[done, label])
        seconds = float(load.seconds(before, done))
        rows.append((before, done - before, table.free[done, label] - seconds, seconds))
        done, label = before, int(table.label[done, label])
    firsts, sizes, starts, taken = zip(*reversed(rows), strict=True)
    return Replay(load, np.array(firsts), np.array(sizes), np.array(starts), np.array(taken))

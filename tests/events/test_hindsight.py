"""Hindsight compared with an exhaustive search."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays import hindsight
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.load import Load, Processing, make
from almanac.workloads.events.replays.replay import Replay
from almanac.workloads.events.sources import generator
from almanac.workloads.events.sources.generator import TrafficPattern
from tests.events.loads import BY_COUNT, STEADY, load

PRICES = Prices()
STEADY_RATE = TrafficPattern(rate=3.0, swing=0.0, bursts_per_hour=0)
# The second event arrives 1.5 objectives of 2 s after the first, and the third at once after it.
LONELY_FIRST = [0.0, 3.0, 3.1]


def cuts(events: int) -> Iterator[list[int]]:
    """Yield all ways to cut some events into batches: the first event of each batch and the end."""
    for count in range(events):
        for inner in combinations(range(1, events), count):
            yield [0, *inner, events]


def value_of(traffic: Load, edges: list[int], objective: float, miss_price: float) -> float:
    """Return the cost of some batches and their misses, where each batch starts as early as it can."""
    free, value = -np.inf, 0.0
    for first, last in pairwise(edges):
        seconds = float(traffic.seconds(first, last))
        free = max(free, float(traffic.arrivals[last - 1])) + seconds
        late = int((free - traffic.arrivals[first:last] > objective).sum())
        value += PRICES.parts(last - first, seconds).total + miss_price * late
    return value


def value(replay: Replay, objective: float, miss_price: float) -> float:
    return float(replay.costs(PRICES).sum()) + miss_price * float((replay.latencies > objective).sum())


def plan(arrivals: list[float], miss_price: float, far_price: float = 0.0) -> Replay:
    """Return the plan for an objective of 2 s, where a batch takes a tenth of a second for each event."""
    traffic = load(arrivals, BY_COUNT)
    return hindsight.plan(traffic, PRICES, objective_seconds=2.0, miss_price=miss_price, far_price=far_price)


@pytest.mark.parametrize("miss_price", [0.0, 0.01, 0.03, 0.1, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_plan_is_the_best_of_all_plans(seed: int, miss_price: float) -> None:
    trace = generator.generate(30.0, seed=seed, pattern=STEADY_RATE).part(0, 9)
    traffic = make(trace, Processing("slow", 0.1, 0.05, 0.05), seed=seed)
    # A batch may span two objectives, so the objective is long enough for the whole of so short a trace.
    objective = 3.5
    best = hindsight.plan(traffic, PRICES, objective_seconds=objective, miss_price=miss_price)
    least = min(value_of(traffic, edges, objective, miss_price) for edges in cuts(len(traffic)))
    assert value(best, objective, miss_price) == pytest.approx(least)


def test_where_nothing_may_be_late_batches_end_by_the_objective_of_their_oldest() -> None:
    traffic = load([0.0, 1.0, 2.0, 3.5, 4.0])
    best = hindsight.plan(traffic, PRICES, objective_seconds=3.5, miss_price=10.0)
    assert best.missed_share(3.5) == 0
    assert len(best) == 2


def test_a_miss_that_costs_nothing_saves_a_batch() -> None:
    dear, free = plan(LONELY_FIRST, 1.0), plan(LONELY_FIRST, 0.0)
    assert (len(dear), len(free)) == (2, 1)
    assert (dear.missed_share(2.0), free.missed_share(2.0)) == (0.0, pytest.approx(1 / 3))


def test_an_event_that_would_wait_far_too_long_has_a_price_of_its_own() -> None:
    far = plan(LONELY_FIRST, 0.01)
    near = plan(LONELY_FIRST, 0.01, far_price=1.0)
    assert (len(far), len(near)) == (1, 2)
    assert far.latencies.max() > 2.5 >= near.latencies.max()


def test_between_two_points_of_the_frontier_the_cost_lies_on_the_line() -> None:
    points = [Point(1.0, 0.0, 0.02), Point(0.1, 0.1, 0.01)]
    assert hindsight.cost_at(points, 0.05) == pytest.approx(0.015)
    assert hindsight.cost_at(points, 0.5) == 0.01


def test_the_cheaper_a_miss_the_more_are_missed_and_the_less_it_costs() -> None:
    traffic = make(generator.generate(60.0, seed=1), STEADY, seed=1)
    prices = np.array([0.005, 0.02, 0.5])
    points = hindsight.frontier(traffic, PRICES, objective_seconds=3.0, miss_prices=prices)
    assert [point.price for point in points] == [0.5, 0.02, 0.005]
    assert points[0].cost_per_event > points[1].cost_per_event > points[2].cost_per_event

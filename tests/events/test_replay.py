"""Replays against one worker, with values worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.rules import FixedWithTimer, MissBudget, Polling
from almanac.workloads.events.replays.load import HEAVY, LIGHT, Processing, make
from almanac.workloads.events.replays.replay import Replay, ReplayRule, run
from almanac.workloads.events.replays.rules import ByRate, FixedSize, LastMoment
from almanac.workloads.events.sources import generator
from almanac.workloads.events.sources.generator import TrafficPattern
from tests.events.loads import BY_COUNT, STEADY, exactly, load

GENERATED = generator.generate(300.0, seed=4, pattern=TrafficPattern(rate=4.0, bursts_per_hour=60))
# The first event is 0.9 s older than the next ones.
GAP = [0.0, 0.9, 1.0, 1.1, 50.0]


def budget(goal: Goal, worth: float, processing: Processing = STEADY, spread: float = 0.005) -> MissBudget:
    return MissBudget(exactly(processing, spread), MissPrice(goal, worth))


RULES: dict[str, Callable[[], ReplayRule]] = {
    "fixed": lambda: FixedSize(7),
    "polling": lambda: Polling(20),
    "timer": lambda: FixedWithTimer(20, 2.0, 0.5),
    "rate": lambda: ByRate(2.0, 0.5),
    "last moment": lambda: LastMoment(exactly(HEAVY), 2.0),
    "budget": lambda: budget(Goal(2.0, 0.05), 0.4, HEAVY, 0.1),
    "far": lambda: budget(Goal(2.0, 0.05, far_share=0.01), 0.4, HEAVY, 0.1),
}


def test_a_fixed_size_waits_until_so_many_are_there_and_takes_the_rest_at_the_end() -> None:
    replay = run(load([0.0, 1.0, 5.0, 6.0, 9.0]), FixedSize(2))
    assert replay.sizes.tolist() == [2, 2, 1]
    assert replay.starts.tolist() == [1.0, 6.0, 9.0]
    assert replay.latencies.tolist() == [2.0, 1.0, 2.0, 1.0, 1.0]


def test_polling_takes_what_is_there_and_sleeps_when_there_is_nothing() -> None:
    replay = run(load([0.0, 0.5, 4.0]), Polling(100, every_seconds=2.0))
    # Free at 1 it finds the second event; free at 2 nothing, nor is there any before the poll at 4.
    assert replay.starts.tolist() == [0.0, 1.0, 4.0]


def test_a_timer_starts_a_batch_that_is_not_full_before_its_objective() -> None:
    replay = run(load([0.0, 0.2, 10.0]), FixedWithTimer(3, objective_seconds=5.0, lead_seconds=2.0))
    assert (replay.starts.tolist(), replay.sizes.tolist()) == ([3.0, 13.0], [2, 1])


def test_the_last_moment_is_the_objective_less_the_seconds_of_all_that_wait() -> None:
    replay = run(load([0.0, 1.0, 2.0, 30.0], BY_COUNT), LastMoment(exactly(BY_COUNT), objective_seconds=5.0))
    assert replay.starts.tolist() == pytest.approx([4.7, 34.9])
    assert replay.latencies.tolist() == pytest.approx([5.0, 4.0, 3.0, 5.0])
    assert replay.missed_share(5.0 + 1e-9) == 0


def test_an_arrival_that_moves_the_last_moment_into_the_past_starts_the_batch_at_once() -> None:
    # Alone the first could wait until 4.9; the second, at 4.85, makes that 4.8, which is over.
    replay = run(load([0.0, 4.85], BY_COUNT), LastMoment(exactly(BY_COUNT), objective_seconds=5.0))
    assert (replay.starts.tolist(), replay.sizes.tolist()) == ([4.85], [2])


def test_a_budget_lets_an_oldest_event_go_where_the_next_is_much_younger() -> None:
    strict = run(load(GAP), LastMoment(exactly(STEADY), objective_seconds=4.0))
    generous = run(load(GAP), budget(Goal(4.0, 0.2), worth=0.3))
    assert strict.starts[0] == pytest.approx(3.0)
    assert generous.starts[0] == pytest.approx(3.9, abs=0.03)
    assert generous.missed_share(4.0) >= 0.2


def test_where_misses_are_dear_the_rule_of_the_policy_is_the_last_moment() -> None:
    strict = run(load(GAP), budget(Goal(4.0, 0.0), worth=16.0))
    assert strict.starts[0] == pytest.approx(3.0, abs=0.02)
    assert strict.missed_share(4.0) == 0


def test_the_costs_of_a_replay_are_those_of_its_batches() -> None:
    replay = run(load([0.0, 1.0, 5.0], STEADY), FixedSize(2))
    assert replay.costs(Prices()).tolist() == pytest.approx([0.10 + 0.01 + 0.02, 0.10 + 0.005 + 0.02])
    assert replay.cost_per_event(Prices()) == pytest.approx((0.13 + 0.125) / 3)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("processing", [LIGHT, HEAVY], ids=lambda each: each.name)
def test_no_rule_knows_the_future_or_does_two_things_at_once(name: str, processing: Processing) -> None:
    traffic = make(GENERATED, processing, seed=2)
    replay = run(traffic, RULES[name]())
    ends = replay.starts + replay.seconds
    lasts = replay.first + replay.sizes
    assert replay.sizes.sum() == len(traffic)
    assert (lasts[:-1] == replay.first[1:]).all()
    assert (replay.starts >= traffic.arrivals[lasts - 1]).all()
    assert (replay.starts[1:] >= ends[:-1] - 1e-9).all()


def test_a_rule_learns_the_misses_of_each_batch_by_its_goal() -> None:
    class Record(MissPrice):
        def learn(self, missed: int, events: int, far: int = 0) -> None:
            batches.append((missed, events, far))

    batches: list[tuple[int, int, int]] = []
    rule = MissBudget(exactly(STEADY), Record(Goal(0.9, 0.0), 0.01))
    # A batch takes a second: its event at 0 misses the objective of 0.9 s, and is not far below 1.125 s.
    replay = run(load([0.0, 0.05, 3.0]), rule)
    assert sum(events for _, events, _ in batches) == 3
    assert [events for _, events, _ in batches] == replay.sizes.tolist()
    assert sum(missed for missed, _, _ in batches) == int((replay.latencies > 0.9).sum())
    assert sum(far for _, _, far in batches) == int((replay.latencies > 1.25 * 0.9).sum())


def test_the_same_seed_gives_the_same_luck_and_another_seed_another() -> None:
    first, again, other = (make(GENERATED, HEAVY, seed=seed).luck for seed in (2, 2, 3))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert first.mean() == pytest.approx(1.0, abs=0.02)


def with_far_share(share: float) -> Replay:
    """Return a replay of two events every 20 s, 1.6 objectives apart.

    The second comes too late for the first, unless that may be far.
    """
    arrivals = [start + late for start in range(0, 40_000, 20) for late in (0.0, 6.4)]
    return run(load(arrivals), budget(Goal(4.0, 0.3, far_share=share), 0.3))


def test_without_a_far_share_no_event_waits_longer_than_the_limit() -> None:
    near = with_far_share(0.0)
    assert near.latencies.max() <= 1.25 * 4.0
    assert (near.sizes == 1).all()


def test_a_far_share_lets_a_few_events_wait_longer_and_keeps_the_99th_percentile() -> None:
    far = with_far_share(0.009)
    # 36 of 4,000 may be far; every other one is a second event, which waits in vain.
    assert 17 <= int((far.sizes == 2).sum()) <= 20
    assert np.quantile(far.latencies, 0.99) <= 1.25 * 4.0
    assert far.latencies.max() <= 2.01 * 4.0

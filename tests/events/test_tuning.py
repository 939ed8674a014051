"""The settings with which rules begin are chosen on earlier traffic."""

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Floats, Integers, Prices
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.replays import tuning
from almanac.workloads.events.replays.load import Load
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import FixedSize, LastMoment
from almanac.workloads.events.replays.tuning import Practice
from tests.events.loads import BY_COUNT, STEADY, exactly, load

# One event every 20 seconds.
CALM = [20.0 * number for number in range(50)]


def practice(traffic: Load, objective: float, missed_share: float) -> Practice:
    return Practice(traffic, Goal(objective, missed_share), Prices())


def too_few_seconds(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
    return np.full(len(counts), 0.65), np.zeros(len(counts))


def best_slack(traffic: Practice, predict: Predictor) -> float:
    """Return the best slack of the rule T with an objective of 4 s."""
    return tuning.best_slack(traffic, lambda slack: LastMoment(predict, 4.0, slack))


def test_an_event_missed_beyond_the_goal_costs_as_much_as_a_batch() -> None:
    traffic = load([0.0, 1.0, 5.0, 6.0], STEADY)
    # Two pairs of 0.13 each, whose first events take 2 s.
    replay = run(traffic, FixedSize(2))
    assert practice(traffic, 2.0, 0.0).penalized_cost(replay) == pytest.approx(0.26)
    assert practice(traffic, 1.5, 0.0).penalized_cost(replay) == pytest.approx(0.26 + 2 * 0.10)
    assert practice(traffic, 1.5, 0.25).penalized_cost(replay) == pytest.approx(0.26 + 0.10)


def test_a_burst_counts_only_in_part() -> None:
    traffic = load([0.0] * 100, STEADY)
    cost = practice(traffic, 0.5, 0.0).penalized_cost(run(traffic, FixedSize(100)))
    assert cost == pytest.approx(0.10 + 0.5 + 0.02 + 16 * 0.10)


def test_a_slack_is_as_large_as_misses_require_and_not_larger() -> None:
    calm = practice(load(CALM, STEADY), 4.0, 0.0)
    assert best_slack(calm, exactly(STEADY)) == 0.0
    # Predicted seconds that are too few by 0.35 need a slack of 0.12 of the objective.
    assert best_slack(calm, too_few_seconds) == pytest.approx(0.48)


def test_events_that_arrive_in_the_last_moment_require_slack() -> None:
    # Just before the last moment of two events ten others arrive and make the batch a second longer.
    hurried = [start + late for start in range(0, 1_000, 20) for late in (0.0, 0.0, *[9.79] * 10)]
    prices = [
        tuning.first_price(practice(load(arrivals, BY_COUNT), 10.0, 0.0), exactly(BY_COUNT))
        for arrivals in (hurried, CALM)
    ]
    assert [price.goal.slack_seconds for price in prices] == pytest.approx([0.1, 0.0])


def test_the_best_constant_worth_is_the_cheapest_that_keeps_the_goal() -> None:
    # Pairs 1.1 objectives apart: a batch for each event, or the first of each pair missed and one batch for
    # both.
    traffic = load([start + late for start in range(0, 1_000, 50) for late in (0.0, 11.0)], STEADY)
    generous = practice(traffic, 10.0, 0.5)
    strict = practice(traffic, 10.0, 0.0)
    in_pairs = tuning.best_constant(generous, exactly(STEADY), worths=[0.05, 1.0])
    alone = tuning.best_constant(strict, exactly(STEADY), worths=[0.05, 1.0])
    assert in_pairs is not None
    assert (len(in_pairs), in_pairs.missed_share(10.0)) == (20, 0.5)
    assert alone is not None
    assert (len(alone), alone.missed_share(10.0 + 1e-9)) == (40, 0.0)
    assert tuning.best_constant(strict, exactly(STEADY), worths=[0.05]) is None


def test_settings_are_chosen_with_the_learned_rhythm() -> None:
    rhythm = Rhythm()
    traffic = Practice(load([0.0, 1.0], STEADY), Goal(10.0, 0.0), Prices(), rhythm=rhythm)
    assert traffic.rule(exactly(STEADY), MissPrice(traffic.goal, 1.0)).rhythm is rhythm

"""What rules begin with is set on earlier traffic."""

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import Goal, Patience
from almanac.workloads.events.replays import tuning
from almanac.workloads.events.replays.load import Integers
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import FixedSize, LastMoment
from almanac.workloads.events.replays.tuning import Practice
from tests.events.load_samples import BY_COUNT, STEADY, load


def a_second(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
    return np.ones(len(counts)), np.full(len(counts), 0.005)


def by_count(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
    return 0.1 * counts, np.full(len(counts), 0.005)


def test_an_event_missed_beyond_the_goal_counts_like_the_fixed_cost_of_a_batch() -> None:
    traffic = load([0.0, 1.0, 5.0, 6.0], STEADY)
    # Two pairs of 0.13 each, whose first events take 2 s.
    replay = run(traffic, FixedSize(2))
    assert Practice(traffic, Goal(2.0, 0.0), Prices()).penalised(replay) == pytest.approx(0.26)
    assert Practice(traffic, Goal(1.5, 0.0), Prices()).penalised(replay) == pytest.approx(0.26 + 2 * 0.10)
    assert Practice(traffic, Goal(1.5, 0.25), Prices()).penalised(replay) == pytest.approx(0.26 + 0.10)


def test_a_burst_counts_only_in_part() -> None:
    traffic = load([0.0] * 100, STEADY)
    replay = run(traffic, FixedSize(100))
    assert Practice(traffic, Goal(0.5, 0.0), Prices()).penalised(replay) == pytest.approx(
        0.10 + 0.5 + 0.02 + 16 * 0.10
    )


def test_a_slack_is_as_large_as_misses_ask_for_and_not_larger() -> None:
    traffic = load([20.0 * number for number in range(50)], STEADY)
    hurried = Practice(traffic, Goal(4.0, 0.0), Prices())
    assert tuning.best_slack(hurried, lambda slack: LastMoment(a_second, 4.0, slack)) == 0.0
    # Predicted seconds that are too few by 0.35 need a slack of 0.12 of the objective.
    assert tuning.best_slack(
        hurried, lambda slack: LastMoment(lambda n, kb: (np.full(len(n), 0.65), n * 0.0), 4.0, slack)
    ) == pytest.approx(0.48)


def test_events_that_arrive_in_the_last_moment_ask_for_slack() -> None:
    # Just before the last moment of two events ten others come and make the batch a second longer.
    arrivals = [start + late for start in range(0, 1_000, 20) for late in (0.0, 0.0, *[9.79] * 10)]
    begun = tuning.patience(Practice(load(arrivals, BY_COUNT), Goal(10.0, 0.0), Prices()), by_count)
    assert begun.goal.slack_seconds == pytest.approx(0.1)
    calm = tuning.patience(
        Practice(load([20.0 * number for number in range(50)], BY_COUNT), Goal(10.0, 0.0), Prices()), by_count
    )
    assert calm.goal.slack_seconds == 0.0


def test_the_best_steady_worth_is_the_cheapest_that_keeps_the_goal() -> None:
    # Pairs 1.1 objectives apart: a batch for each event, or the first of each pair missed and one batch for both.
    traffic = load([start + late for start in range(0, 1_000, 50) for late in (0.0, 11.0)], STEADY)
    thrifty = tuning.best_steady(Practice(traffic, Goal(10.0, 0.5), Prices()), a_second, worths=[0.05, 1.0])
    strict = tuning.best_steady(Practice(traffic, Goal(10.0, 0.0), Prices()), a_second, worths=[0.05, 1.0])
    assert thrifty is not None
    assert (len(thrifty), thrifty.missed_share(10.0)) == (20, 0.5)
    assert strict is not None
    assert (len(strict), strict.missed_share(10.0 + 1e-9)) == (40, 0.0)
    assert tuning.best_steady(Practice(traffic, Goal(10.0, 0.0), Prices()), a_second, worths=[0.05]) is None


def test_what_is_set_is_set_with_the_rhythm_that_is_known() -> None:
    known = Rhythm()
    practice = Practice(load([0.0, 1.0], STEADY), Goal(10.0, 0.0), Prices(), rhythm=known)
    assert practice.patient(a_second, Patience(practice.goal, 1.0)).rhythm is known

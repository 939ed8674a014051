"""How the worth of a missed event is learned from the misses of finished batches."""

from dataclasses import replace

import numpy as np
import pytest

from almanac.workloads.events.policy.goal import Goal, MissPrice

GOAL = Goal(10.0, 0.01)
MOST_WORTH = 40.0


def test_misses_make_a_miss_dearer_and_events_in_time_make_it_cheaper() -> None:
    price = MissPrice(GOAL, 1.0)
    price.learn(1, 1)
    dearer = price.worth_seconds
    price.learn(0, 99)
    assert dearer == pytest.approx(np.exp(0.1 * 0.99))
    assert price.worth_seconds == pytest.approx(1.0)


def test_a_burst_that_nobody_could_save_counts_as_fifty_misses() -> None:
    price = MissPrice(GOAL, 1.0, rate=0.05)
    price.learn(500, 500)
    assert price.worth_seconds == pytest.approx(np.exp(0.05 * 50))


def test_misses_are_carried_over_while_a_miss_cannot_become_dearer() -> None:
    price = MissPrice(GOAL, MOST_WORTH)
    price.learn(30, 30)
    price.learn(0, 2000)
    assert price.worth_seconds == MOST_WORTH, "29.7 misses beyond the share are owed, and 20 were made up for"
    price.learn(0, 2000)
    assert price.worth_seconds == pytest.approx(40 * np.exp(-0.1 * (40 - 29.7)))


def test_no_more_than_a_hundred_misses_are_carried_over() -> None:
    price = MissPrice(GOAL, MOST_WORTH)
    for _ in range(10):
        price.learn(50, 50)
    price.learn(0, 11_000)
    assert price.worth_seconds == pytest.approx(40 * np.exp(-0.1 * 10))


def test_the_worth_of_a_miss_stays_within_its_bounds() -> None:
    price = MissPrice(GOAL, 1.0)
    for _ in range(1000):
        price.learn(500, 500)
    assert price.worth_seconds == MOST_WORTH
    price.learn(0, 10**9)
    assert price.worth_seconds == 0.2


def test_events_may_be_far_only_when_earlier_batches_have_left_their_share() -> None:
    price = MissPrice(replace(GOAL, far_share=0.008), 1.0)
    assert price.current.goal.far_now == 0
    price.learn(0, 250)
    assert price.current.goal.far_now == 2
    price.learn(1, 1, far=1)
    assert price.current.goal.far_now == 1
    price.learn(400, 400, far=400)
    assert price.current.goal.far_now == 0


def test_without_a_far_share_the_goal_stays_as_it_is() -> None:
    assert MissPrice(GOAL, 1.0).current == (GOAL, 1.0)

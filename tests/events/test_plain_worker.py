"""What a plain worker would have spent on the same events, and that the policy spends no more."""

import numpy as np
import pytest

from almanac.workloads.events.policy import plain_worker
from almanac.workloads.events.policy.goal import Goal, MissPrice, most_seconds
from almanac.workloads.events.policy.plain_worker import PlainWorker, Work
from almanac.workloads.events.policy.rules import MissBudget
from almanac.workloads.events.replays.replay import Replay, run
from tests.events.loads import BY_COUNT, STEADY, exactly, load

LATE_CROWD = [0.0] * 30 + [0.5] * 30


def plain(*, objective: float = 4.0) -> PlainWorker:
    return PlainWorker(exactly(STEADY), objective)


def work(*arrivals: float) -> Work:
    return Work(np.array(arrivals), np.ones(len(arrivals)), 1.0)


def test_each_batch_is_spent_and_each_of_the_plain_worker_is_earned() -> None:
    worker = plain()
    # It takes the first event at once, is busy for a second and a little, and takes the next two together.
    worker.learn(work(0.0, 0.5, 0.9, 5.0))
    assert worker.spare == pytest.approx(-1 + 2 * plain_worker.COUNTED_SHARE)
    assert worker.size == 2


def test_events_that_come_in_another_order_are_counted_by_their_arrival() -> None:
    ordered, shuffled = plain(), plain()
    ordered.learn(work(0.0, 0.5, 0.9, 5.0))
    shuffled.learn(work(5.0, 0.9, 0.0, 0.5))
    assert shuffled.spare == ordered.spare


def test_a_plain_worker_sleeps_no_longer_than_the_objective() -> None:
    assert (plain(objective=0.5).every_seconds, plain(objective=60.0).every_seconds) == (0.5, 2.0)


def test_a_long_calm_does_not_pay_for_hours_of_small_batches() -> None:
    worker = plain()
    worker.learn(work(*np.arange(0.0, 4000.0, 4.0)))
    assert worker.spare == plain_worker.MOST_SPARE


def replay_of_a_crowd(spare: float) -> Replay:
    rule = MissBudget(exactly(BY_COUNT), MissPrice(Goal(4.0, 0.0), worth_seconds=16.0))
    rule.plain.spare = spare
    return run(load(LATE_CROWD, BY_COUNT), rule)


def test_batches_are_divided_only_where_some_are_spare() -> None:
    assert len(replay_of_a_crowd(spare=0.0)) == 1
    assert len(replay_of_a_crowd(spare=20.0)) > 1


def test_work_beyond_capacity_is_not_divided() -> None:
    # A hundred events take 10 s, more than twice the objective; sixty take 6 s.
    rule = MissBudget(exactly(BY_COUNT), MissPrice(Goal(4.0, 0.0), worth_seconds=16.0))
    rule.plain.spare = 20.0
    assert run(load([0.0] * 100, BY_COUNT), rule).sizes.tolist() == [100]
    rule.plain.spare = 20.0
    assert run(load([0.0] * 60, BY_COUNT), rule).sizes[0] < 60


def test_a_batch_starts_before_more_work_piles_up_than_a_burst_leaves_time_for() -> None:
    # Events of 0.1 s arrive ten times a second; the greatest worth of a miss allows 3 s of work in 10 s.
    arrivals = np.arange(0.0, 8.0, 0.1).tolist()
    poor, rich = (
        MissBudget(exactly(BY_COUNT), MissPrice(Goal(10.0, 0.01), worth_seconds=40.0)) for _ in range(2)
    )
    rich.plain.spare = 20.0
    assert run(load(arrivals, BY_COUNT), poor).sizes[0] > 40
    assert run(load(arrivals, BY_COUNT), rich).sizes[0] in (30, 31)


@pytest.mark.parametrize(("worth", "seconds"), [(40.0, 3.0), (10.0, 6.0), (2.5, 12.0)])
def test_where_misses_are_cheap_more_work_may_wait(worth: float, seconds: float) -> None:
    assert most_seconds(10.0, worth) == pytest.approx(seconds)


def test_late_events_wait_for_more_where_too_many_batches_were_made() -> None:
    # All are late. In debt a batch waits for as many events as the plain worker took, or while that sleeps.
    arrivals = [0.0, 1.2, 1.3, 1.4, 9.0]
    plenty, debt = (
        MissBudget(exactly(STEADY), MissPrice(Goal(0.9, 0.0, slack_seconds=0.0), worth_seconds=0.1))
        for _ in range(2)
    )
    debt.plain.spare, debt.plain.size = -10.0, 4
    assert run(load(arrivals), plenty).sizes[0] == 1
    assert run(load(arrivals), debt).sizes[0] == 1
    debt.plain.spare, debt.plain.size = -10.0, 4
    assert run(load([0.0, 0.3, 0.6, 0.8, 9.0]), debt).sizes.tolist() == [4, 1]

"""When a batch starts, given the worth of a missed event."""

from dataclasses import replace

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.goal import Goal, Tradeoff
from almanac.workloads.events.policy.rhythm import Gain
from almanac.workloads.events.policy.start import Timing, best_start, linearly, spread_of

GOAL = Goal(10.0, 0.01)
ONE_MAY_BE_FAR = replace(GOAL, far_now=1)
SURE = Timing(seconds=2.0, spread=0.005)
# The worth of a miss that must not be, and of one that costs next to nothing.
DEAR, CHEAP = 40.0, 0.01


def start(
    oldest: list[float], worth: float, *, now: float = 0.0, goal: Goal = GOAL, gained: Gain = linearly
) -> float:
    """Return the best start of a batch that takes two seconds."""
    return best_start(np.array(oldest), now, SURE, Tradeoff(goal, worth), gained)


def end(oldest: list[float], worth: float, *, goal: Goal = GOAL) -> float:
    """Return the end of that batch."""
    return start(oldest, worth, goal=goal) + SURE.seconds


def test_an_event_that_must_not_be_missed_starts_when_it_still_makes_it() -> None:
    assert start([0.0], DEAR) == pytest.approx(8.0, abs=0.05)


def test_an_event_that_is_late_anyway_waits_for_others_but_not_beyond_the_latest() -> None:
    assert start([0.0], DEAR, now=9.5) == pytest.approx(12.4 - 2.0)
    assert start([0.0], DEAR, now=11.0) == 11.0


def test_an_event_that_is_late_anyway_does_not_delay_one_that_can_make_it() -> None:
    assert start([0.0, 1.6], DEAR, now=9.0) == pytest.approx(9.6, abs=0.05)


@pytest.mark.parametrize(("worth", "governing"), [(DEAR, 0.0), (1.5, 2.0)])
def test_the_oldest_is_let_go_where_the_gain_is_more_than_it_is_worth(worth: float, governing: float) -> None:
    assert start([0.0, 2.0, 2.1], worth) == pytest.approx(governing + 8.0, abs=0.06)


def test_no_event_is_planned_to_take_longer_than_the_latest() -> None:
    assert end([0.0], CHEAP) == pytest.approx(12.4)


def test_waiting_goes_on_while_it_gains_and_not_where_it_gains_nothing() -> None:
    def gained(starts: Floats) -> Floats:
        return np.minimum(starts, 9.0)

    latest_of_equal_ones = start([0.0, 6.0], CHEAP, now=8.5, gained=gained)
    assert latest_of_equal_ones == pytest.approx(10.4)
    one_second_is_not_worth_a_miss = start([0.0, 0.1, 6.0], 2.0, now=6.0, gained=gained)
    assert one_second_is_not_worth_a_miss == pytest.approx(8.0, abs=0.2)


def test_the_less_sure_the_seconds_the_earlier_the_start() -> None:
    unsure = Timing(seconds=2.0, spread=0.3)
    earlier = best_start(np.array([0.0]), 0.0, unsure, Tradeoff(GOAL, DEAR))
    assert earlier < start([0.0], DEAR)


def test_a_batch_is_planned_to_end_before_the_objective_by_the_slack() -> None:
    hurried = Goal(10.0, 0.01, slack_seconds=0.5)
    assert start([0.0], DEAR, goal=hurried) == pytest.approx(7.5, abs=0.05)


def test_the_spread_is_that_of_a_log_normal_with_this_percentile() -> None:
    p90 = 2.0 * np.exp(0.2 * 1.2815515655446004)
    spread = spread_of(np.array([2.0, 2.0]), np.array([p90, 2.0]))
    assert spread.tolist() == pytest.approx([0.2, 0.005])


def test_an_event_that_may_be_far_waits_for_up_to_twice_the_objective() -> None:
    assert end([0.0], CHEAP, goal=ONE_MAY_BE_FAR) == pytest.approx(20.0)


def test_no_more_events_become_far_than_may() -> None:
    # The second may not be far, so its 12.4 s hold.
    assert end([0.0, 3.0], CHEAP, goal=ONE_MAY_BE_FAR) == pytest.approx(15.4)
    # Eight events are listed and there may be others, so the last of them still makes it.
    eight = [1.2 * place for place in range(8)]
    assert end(eight, CHEAP, goal=replace(GOAL, far_now=8)) == pytest.approx(18.4)


def test_a_far_event_has_to_be_worth_a_tenth_of_the_objective() -> None:
    # The second gains less than 1 s by waiting from 12.4 to 12.9.
    assert end([0.0, 0.5, 0.6], CHEAP, goal=ONE_MAY_BE_FAR) == pytest.approx(12.5, abs=0.1)

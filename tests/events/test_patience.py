"""When a batch starts, and what a missed event is worth."""

from dataclasses import replace

import numpy as np
import pytest

from almanac.workloads.events.policy.start import Goal, Patience, Stakes, Timing, best_start, spread_of

GOAL = Goal(10.0, 0.01)
SURE = Timing(seconds=2.0, spread=0.005)


def test_an_event_that_must_not_be_missed_starts_when_it_still_makes_it() -> None:
    assert best_start(np.array([0.0]), 0.0, SURE, Stakes(GOAL, 40.0)) == pytest.approx(8.0, abs=0.05)


def test_an_event_that_is_late_anyway_waits_for_others_but_not_beyond_the_latest() -> None:
    assert best_start(np.array([0.0]), 9.5, SURE, Stakes(GOAL, 40.0)) == pytest.approx(12.4 - 2.0)
    assert best_start(np.array([0.0]), 11.0, SURE, Stakes(GOAL, 40.0)) == 11.0


def test_an_event_that_is_late_anyway_does_not_hold_up_one_that_can_make_it() -> None:
    assert best_start(np.array([0.0, 1.6]), 9.0, SURE, Stakes(GOAL, 40.0)) == pytest.approx(9.6, abs=0.05)


@pytest.mark.parametrize(("worth", "governing"), [(40.0, 0.0), (1.5, 2.0)])
def test_the_oldest_is_let_go_where_the_gain_is_more_than_it_is_worth(worth: float, governing: float) -> None:
    assert best_start(np.array([0.0, 2.0, 2.1]), 0.0, SURE, Stakes(GOAL, worth)) == pytest.approx(
        governing + 8.0, abs=0.06
    )


def test_nobody_waits_knowingly_longer_than_the_latest() -> None:
    assert best_start(np.array([0.0]), 0.0, SURE, Stakes(GOAL, 0.01)) + SURE.seconds == pytest.approx(12.4)


def test_waiting_goes_on_while_it_gains_and_not_where_it_gains_nothing() -> None:
    worthless = Stakes(GOAL, 0.01)

    def gained(starts: np.ndarray) -> np.ndarray:
        return np.minimum(starts, 9.0)

    assert best_start(np.array([0.0, 6.0]), 8.5, SURE, worthless, gained) == pytest.approx(10.4), (
        "of equal ones the latest"
    )
    assert best_start(np.array([0.0, 0.1, 6.0]), 6.0, SURE, Stakes(GOAL, 2.0), gained) == pytest.approx(
        8.0, abs=0.2
    ), "one second is not worth a miss"


def test_the_less_sure_the_seconds_the_earlier_the_start() -> None:
    unsure = Timing(seconds=2.0, spread=0.3)
    assert best_start(np.array([0.0]), 0.0, unsure, Stakes(GOAL, 40.0)) < best_start(
        np.array([0.0]), 0.0, SURE, Stakes(GOAL, 40.0)
    )


def test_misses_make_a_miss_dearer_and_events_in_time_make_it_cheaper() -> None:
    patience = Patience(GOAL, 1.0)
    patience.learn(1, 1)
    dearer = patience.worth_seconds
    patience.learn(0, 99)
    assert dearer == pytest.approx(np.exp(0.1 * 0.99))
    assert patience.worth_seconds == pytest.approx(1.0)


def test_a_burst_that_nobody_could_save_counts_as_fifty_misses() -> None:
    patience = Patience(GOAL, 1.0, rate=0.05)
    patience.learn(500, 500)
    assert patience.worth_seconds == pytest.approx(np.exp(0.05 * 50))


def test_what_is_missed_while_a_miss_cannot_become_dearer_is_made_up_for_later() -> None:
    patience = Patience(GOAL, 40.0)
    patience.learn(30, 30)
    patience.learn(0, 2000)
    assert patience.worth_seconds == 40.0, "29.7 misses beyond the share are owed, and 20 were made up for"
    patience.learn(0, 2000)
    assert patience.worth_seconds == pytest.approx(40 * np.exp(-0.1 * (40 - 29.7)))


def test_no_more_than_a_hundred_misses_are_made_up_for() -> None:
    patience = Patience(GOAL, 40.0)
    for _ in range(10):
        patience.learn(50, 50)
    patience.learn(0, 11_000)
    assert patience.worth_seconds == pytest.approx(40 * np.exp(-0.1 * 10))


def test_a_batch_is_planned_to_end_before_the_objective_by_the_slack() -> None:
    hurried = Goal(10.0, 0.01, slack_seconds=0.5)
    assert best_start(np.array([0.0]), 0.0, SURE, Stakes(hurried, 40.0)) == pytest.approx(7.5, abs=0.05)


def test_the_worth_of_a_miss_stays_within_its_limits() -> None:
    patience = Patience(GOAL, 1.0)
    for _ in range(1000):
        patience.learn(500, 500)
    assert patience.worth_seconds == 40.0
    patience.learn(0, 10**9)
    assert patience.worth_seconds == 0.2


def test_the_spread_is_that_of_a_log_normal_with_this_percentile() -> None:
    spread = spread_of(np.array([2.0, 2.0]), np.array([2.0 * np.exp(0.2 * 1.2815515655446004), 2.0]))
    assert spread.tolist() == pytest.approx([0.2, 0.005])


def test_an_event_that_may_be_far_waits_for_up_to_twice_the_objective() -> None:
    assert best_start(
        np.array([0.0]), 0.0, SURE, Stakes(replace(GOAL, far_now=1), 0.01)
    ) + SURE.seconds == pytest.approx(20.0)


def test_no_more_events_become_far_than_may() -> None:
    # The second may not be far, so its 12.4 s hold; and where eight are known there may be others, so the last of them still makes it.
    assert best_start(
        np.array([0.0, 3.0]), 0.0, SURE, Stakes(replace(GOAL, far_now=1), 0.01)
    ) + SURE.seconds == pytest.approx(15.4)
    assert best_start(
        1.2 * np.arange(8, dtype=np.float64), 0.0, SURE, Stakes(replace(GOAL, far_now=8), 0.01)
    ) + SURE.seconds == pytest.approx(18.4)


def test_a_far_event_has_to_be_worth_a_tenth_of_the_objective() -> None:
    # What the second gains by waiting from 12.4 to 12.9 is less than 1 s.
    crowd = np.array([0.0, 0.5, 0.6])
    assert best_start(
        crowd, 0.0, SURE, Stakes(replace(GOAL, far_now=1), 0.01)
    ) + SURE.seconds == pytest.approx(12.5, abs=0.1)


def test_far_events_are_let_go_only_when_earlier_batches_have_left_their_share() -> None:
    patience = Patience(replace(GOAL, far_share=0.008), 1.0)
    assert patience.present.goal.far_now == 0
    patience.learn(0, 250)
    assert patience.present.goal.far_now == 2
    patience.learn(1, 1, far=1)
    assert patience.present.goal.far_now == 1
    patience.learn(400, 400, far=400)
    assert patience.present.goal.far_now == 0
    assert Patience(GOAL, 1.0).present == (GOAL, 1.0)

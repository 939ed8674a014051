"""When the waiting events are taken in two batches instead of one."""

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.dividing import Waiting, first_part
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import Goal, Patience, Predictor
from almanac.workloads.events.replays.load import Integers, Processing
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import LastMoment, Patient
from tests.events.load_samples import BY_COUNT, STEADY, load

GOAL = Goal(10.0, 0.01)
BY_KB = Processing("by kB", constant=0.0, per_event=0.0, per_kb=0.01, spread=0.0)


def exactly(processing: Processing, spread: float = 0.005) -> Predictor:
    def predict(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
        return processing.seconds(counts, kb), np.full(len(counts), spread)

    return predict


def waiting(ages: list[float], kb: list[float] | None = None) -> Waiting:
    return Waiting(-np.array(ages), np.ones(len(ages)) if kb is None else np.array(kb), 0.0)


def test_what_fits_into_one_batch_is_not_divided() -> None:
    assert first_part(waiting([5.0, 4.0, 3.0]), 0.0, exactly(STEADY), Patience(GOAL, 40.0)) is None


def test_one_event_cannot_be_divided() -> None:
    assert first_part(waiting([12.0]), 0.0, exactly(STEADY), Patience(GOAL, 40.0)) is None


def test_as_many_are_taken_first_as_can_still_make_it() -> None:
    # Ten events have 1.2 s left, in which eleven can be done but not all twenty.
    told = first_part(waiting([8.8] * 10 + [1.0] * 10), 0.0, exactly(BY_COUNT), Patience(GOAL, 10.0))
    assert told == 11


def test_where_misses_are_cheap_another_batch_does_not_pay() -> None:
    assert first_part(waiting([8.8] * 10 + [1.0] * 10), 0.0, exactly(BY_COUNT), Patience(GOAL, 0.4)) is None


def test_what_is_late_anyway_is_not_divided() -> None:
    assert first_part(waiting([30.0] * 20), 0.0, exactly(BY_COUNT), Patience(GOAL, 40.0)) is None


def test_a_later_start_of_the_rest_counts_for_what_it_gains() -> None:
    # One event can be saved, worth 3 s. Another batch costs 4 s; the rest gets back 2.8 s of them if each second is a second, in silence nothing.
    crowded, patience = waiting([3.75] + [0.0] * 12), Patience(Goal(4.0, 0.01), 3.0)
    assert first_part(crowded, 0.0, exactly(BY_COUNT), patience) is not None
    assert first_part(crowded, 0.0, exactly(BY_COUNT), patience, np.zeros_like) is None


def test_what_waiting_gains_goes_by_the_newest_event_and_the_clock() -> None:
    bands = [("young", 0.0, 2.0, [0.0, 1.0]), ("old", 2.0, 1e6, [0.0, 5.0])]
    rows = [
        {
            "band_id": name,
            "phase_min": 0.0,
            "phase_max": 1e6,
            "quiet_min_seconds": low,
            "quiet_max_seconds": high,
            "step_seconds": 1.0,
            "gained_seconds": gains,
        }
        for name, low, high, gains in bands
    ]
    known = Rhythm(pd.DataFrame(rows))
    told = [
        Waiting(np.array([-9.0, newest]), np.ones(2), 0.0, 1_700_000_000.0).gained(known)(np.array([1.0]))[0]
        for newest in (-1.0, -3.0)
    ]
    assert told == [1.0, 5.0]


def test_small_events_go_before_a_large_one_that_would_hold_them_up() -> None:
    told = first_part(
        waiting([7.0, 6.5, 6.0, 5.0], kb=[10.0, 10.0, 10.0, 800.0]), 0.0, exactly(BY_KB), Patience(GOAL, 20.0)
    )
    assert told == 3


def test_dividing_saves_in_a_replay_what_one_batch_would_miss() -> None:
    traffic = load([0.0] * 30 + [0.5] * 30, BY_COUNT)
    whole = run(traffic, LastMoment(exactly(BY_COUNT), objective_seconds=4.0))
    divided = run(traffic, Patient(exactly(BY_COUNT), Patience(Goal(4.0, 0.0), worth_seconds=16.0)))
    assert whole.missed_share(4.0) == 1.0
    assert divided.missed_share(4.0) < 0.4
    assert divided.sizes.sum() == 60

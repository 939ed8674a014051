"""When the waiting events go into two batches instead of one."""

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.queue_view import WaitingEvents
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import MissBudget
from almanac.workloads.events.policy.splitting import Split
from almanac.workloads.events.policy.start import linearly
from almanac.workloads.events.replays.load import Processing
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import LastMoment
from tests.events.loads import BY_COUNT, STEADY, exactly, load

GOAL = Goal(10.0, 0.01)
BY_KB = Processing("by kB", constant=0.0, per_event=0.0, per_kb=0.01, spread=0.0)
# Ten events have 1.2 s left, in which eleven can be done but not all twenty.
CROWD = [8.8] * 10 + [1.0] * 10
BEGINS = 1_700_000_000.0


def waiting(ages: list[float], kb: list[float] | None = None) -> WaitingEvents:
    arrivals = -np.array(ages)
    return WaitingEvents(arrivals[:8], arrivals, np.ones(len(ages)) if kb is None else np.array(kb), 0.0)


def first_size(ages: list[float], worth: float, processing: Processing = BY_COUNT) -> int | None:
    """Return the size of a first batch that starts now, where a missed event is worth so many seconds."""
    return Split(waiting(ages), exactly(processing), MissPrice(GOAL, worth)).first_size(0.0)


def test_events_that_fit_into_one_batch_are_not_split() -> None:
    assert first_size([5.0, 4.0, 3.0], 40.0, STEADY) is None


def test_one_event_cannot_be_split() -> None:
    assert first_size([12.0], 40.0, STEADY) is None


def test_as_many_events_go_first_as_can_still_make_it() -> None:
    assert first_size(CROWD, 10.0) == 11


def test_where_misses_are_cheap_another_batch_does_not_pay() -> None:
    assert first_size(CROWD, 0.4) is None


def test_events_that_are_late_anyway_are_not_split() -> None:
    assert first_size([30.0] * 20, 40.0) is None


def test_a_later_start_of_the_rest_counts_for_its_gain() -> None:
    # One event can be saved, worth 3 s. Another batch costs 4 s. The rest gets back 2.8 s of them where
    # each second later gains a second, and nothing where no event arrives.
    crowded = waiting([3.75] + [0.0] * 12)
    price = MissPrice(Goal(4.0, 0.01), 3.0)
    sizes = [
        Split(crowded, exactly(BY_COUNT), price, gained).first_size(0.0)
        for gained in (linearly, np.zeros_like)
    ]
    assert sizes[0] is not None
    assert sizes[1] is None


def test_the_gain_of_waiting_depends_on_the_newest_event_and_the_clock() -> None:
    band = {"phase_min": 0.0, "phase_max": 1e6, "step_seconds": 1.0}
    young = {
        "band_id": "young",
        "quiet_min_seconds": 0.0,
        "quiet_max_seconds": 2.0,
        "gained_seconds": [0.0, 1.0],
    }
    old = {"band_id": "old", "quiet_min_seconds": 2.0, "quiet_max_seconds": 1e6, "gained_seconds": [0.0, 5.0]}
    rhythm = Rhythm(pd.DataFrame([band | young, band | old]))
    gains = []
    for newest in (-1.0, -3.0):
        queue = waiting([9.0, -newest])._replace(begins=BEGINS, newest_at=BEGINS + newest, decided_at=BEGINS)
        gains.append(queue.gained(rhythm)(np.array([1.0]))[0])
    assert gains == [1.0, 5.0]


def test_small_events_go_before_a_large_one_that_would_delay_them() -> None:
    queue = waiting([7.0, 6.5, 6.0, 5.0], kb=[10.0, 10.0, 10.0, 800.0])
    assert Split(queue, exactly(BY_KB), MissPrice(GOAL, 20.0)).first_size(0.0) == 3


def test_splitting_saves_in_a_replay_what_one_batch_would_miss() -> None:
    traffic = load([0.0] * 30 + [0.5] * 30, BY_COUNT)
    whole = run(traffic, LastMoment(exactly(BY_COUNT), objective_seconds=4.0))
    rule = MissBudget(exactly(BY_COUNT), MissPrice(Goal(4.0, 0.0), worth_seconds=16.0))
    rule.plain.spare = 20.0
    split = run(traffic, rule)
    assert whole.missed_share(4.0) == 1.0
    assert split.missed_share(4.0) < 0.4
    assert split.sizes.sum() == 60

"""The gain of a later start: learned from arrivals, looked up by quiet seconds and the second of a cycle."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events.policy import rhythm, rhythm_learning
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import MissBudget
from almanac.workloads.events.replays.load import Load, Processing
from almanac.workloads.events.replays.replay import Replay, run
from tests.events.loads import exactly

QUICK = Processing("quick", constant=0.01, per_event=0.0, per_kb=0.0, spread=0.0)
BEGUN = 1_700_000_000.0
HOUR = BEGUN + 3600.0
EARLY = (0.0, 5.0)
LATE = (5.0, 10.0)
YOUNG = (0.0, 1.0)
OLD = (1.0, 1e6)
ALWAYS = (0.0, 1e6)


def timers(cycles: int) -> Floats:
    """Return arrivals of timers, minute by minute.

    One comes at second 0 with another 5.5 s later, and single ones come at seconds 20 and 40.
    """
    minute = np.array([0.0, 5.5, 20.0, 40.0])
    return np.concatenate([BEGUN + 60.0 * cycle + minute for cycle in range(cycles)])


def row(phase: tuple[float, float], quiet: tuple[float, float], gains: list[float]) -> dict[str, object]:
    """Return a row of the table, whose starts are 2 s apart."""
    return {
        "band_id": f"{phase}{quiet}",
        "phase_min": phase[0],
        "phase_max": phase[1],
        "quiet_min_seconds": quiet[0],
        "quiet_max_seconds": quiet[1],
        "step_seconds": 2.0,
        "gained_seconds": gains,
    }


def gain(learned: Rhythm, ahead: float, *, quiet: float, now: float) -> float:
    """Return the gain of a start so many seconds after now, with so many seconds since the newest event."""
    return float(learned.gained(newest=now - quiet, now=now)(np.array([now + ahead]))[0])


def test_a_later_start_saves_the_batches_that_its_arrivals_would_have_opened() -> None:
    # T makes three batches, of 0 and 4, of 9, of 30. After 4, a start before 9 saves none of the two that
    # follow, and a later one saves one.
    samples = rhythm_learning.samples(np.array([0.0, 4.0, 9.0, 30.0]), 5.0)
    place = int(np.argmin(np.abs(samples.instants - 4.05)))
    assert (samples.instants[place], samples.quiet[place]) == pytest.approx((4.05, 0.05))
    assert samples.saved[place].tolist() == [1.0 if 4.05 + 0.25 * step >= 9.0 else 0.0 for step in range(41)]
    assert samples.instants.max() <= 30.0 - 10.0, "the batches after the end are unknown"


@pytest.mark.slow
def test_waiting_pays_before_the_events_of_a_timer_and_not_in_silence() -> None:
    learned = Rhythm(rhythm_learning.learn(timers(100), 5.0))
    assert str(learned) == "gains by quiet seconds and second of 60"
    # After second 0 another event comes 5.5 s later, whose batch counts as the objective.
    before_a_pair = [gain(learned, ahead, quiet=0.1, now=HOUR + 0.1) for ahead in (4.4, 5.9)]
    assert before_a_pair == pytest.approx([0.0, 5.0], abs=0.8)
    in_silence = [gain(learned, ahead, quiet=0.1, now=HOUR + 20.1) for ahead in (4.4, 5.9)]
    assert in_silence == pytest.approx([0.0, 0.0], abs=0.6)


@pytest.mark.slow
def test_arrivals_without_memory_have_no_rhythm() -> None:
    random = BEGUN + np.cumsum(np.random.default_rng(5).exponential(2.0, 3000))
    assert rhythm_learning.learn(random, 5.0).empty


def test_nothing_is_learned_where_all_events_arrived_within_a_few_objectives() -> None:
    assert rhythm_learning.learn(BEGUN + 0.021 * np.arange(550), 2.0).empty


@pytest.mark.slow
def test_chance_looks_like_a_rhythm_in_one_case_of_ten_at_most() -> None:
    gaps = (np.random.default_rng(seed).exponential(20.0, 320) for seed in range(20))
    tables = [rhythm_learning.learn(BEGUN + np.cumsum(each), 5.0) for each in gaps]
    assert sum(not table.empty for table in tables) <= 2


@pytest.mark.parametrize(
    "arrivals",
    [timers(70), np.array([BEGUN]), np.array([]), np.full(1_000, BEGUN)],
    ids=["few", "one", "none", "at once"],
)
def test_little_traffic_has_no_rhythm(arrivals: Floats) -> None:
    assert rhythm_learning.learn(arrivals, 5.0).empty


@pytest.mark.slow
def test_quiet_seconds_tell_bursts_from_silence() -> None:
    # Three events two seconds apart, then a minute or so of silence: waiting pays within a burst and not
    # after it.
    bursts = np.cumsum(60.0 + 13.7 * np.random.default_rng(6).random(300))
    arrivals = BEGUN + np.sort(np.concatenate([bursts + part for part in (0.0, 2.0, 4.0)]))
    learned = Rhythm(rhythm_learning.learn(arrivals, 5.0))
    assert str(learned) == "gains by quiet seconds"
    within, after = (gain(learned, 2.0, quiet=quiet, now=BEGUN + quiet) for quiet in (0.1, 4.5))
    assert within > after + 0.5


@pytest.mark.parametrize("empty", [Rhythm(), Rhythm(pd.DataFrame(columns=["band_id"]))])
def test_without_a_table_each_second_later_gains_a_second(empty: Rhythm) -> None:
    assert empty.gained(newest=90.0, now=100.0)(np.array([100.0, 103.5])).tolist() == [0.0, 3.5]
    assert str(empty) == "no rhythm of arrivals"


def test_a_gain_is_looked_up_by_the_second_of_the_cycle_and_the_quiet_seconds() -> None:
    early = [row(EARLY, YOUNG, [0.0, 1.0]), row(EARLY, OLD, [0.0, 2.0])]
    late = [row(LATE, OLD, [0.0, 4.0]), row(LATE, YOUNG, [0.0, 3.0])]
    table = Rhythm(pd.DataFrame([late[0], early[0], late[1], early[1]]))
    states = [(1004.9, 0.9), (1004.9, 1.0), (1005.0, 0.9), (1005.0, 1.0)]
    gains = [gain(table, 1.0, quiet=quiet, now=now) for now, quiet in states]
    assert gains == pytest.approx([0.5, 1.0, 1.5, 2.0])
    beyond_the_last_start = gain(table, 9.0, quiet=1000.0, now=1000.0)
    assert beyond_the_last_start == 2.0


@pytest.mark.parametrize(
    "columns",
    [
        {"gained_seconds": [[0.0, 1.0], [0.0]]},
        {"gained_seconds": [None, None]},
        {"gained_seconds": ["x", "y"]},
        {"gained_seconds": [[], []]},
        {"gained_seconds": [[0.0, float("nan")], [0.0, 1.0]]},
        {"phase_min": [0.0, 0.0]},
        {"phase_max": [0.0, 0.0]},
        {"quiet_min_seconds": [0.0, 1.0]},
        {"step_seconds": [0.0, 0.0]},
        {"step_seconds": [None, None]},
    ],
)
def test_a_table_that_is_not_whole_is_ignored_with_a_warning(
    columns: dict[str, list[object]], caplog: pytest.LogCaptureFixture
) -> None:
    whole = pd.DataFrame([row(EARLY, ALWAYS, [0.0, 1.0]), row(LATE, ALWAYS, [0.0, 2.0])])
    assert str(rhythm.checked(whole)) == "gains by quiet seconds and second of 10"
    assert rhythm.checked(whole.assign(**columns)) == Rhythm()
    assert "the rhythm of arrivals cannot be used" in caplog.text


def test_a_clock_that_was_set_back_is_no_error() -> None:
    table = Rhythm(pd.DataFrame([row((0.0, 10.0), ALWAYS, [0.0, 1.0])]))
    assert gain(table, 1.0, quiet=-10.0, now=1000.0) == 0.5


def replay_of_timers(learned: Rhythm) -> Replay:
    """Return a replay of the timers in which one event of four may miss."""
    arrivals = timers(100) - BEGUN
    load = Load(arrivals, np.arange(len(arrivals) + 1.0), np.ones(len(arrivals)), QUICK, BEGUN)
    return run(load, MissBudget(exactly(QUICK), MissPrice(Goal(5.0, 0.26), 1.0), rhythm=learned))


@pytest.mark.slow
def test_the_same_misses_save_more_with_the_rhythm_of_arrivals() -> None:
    # With the rhythm, only the events of second 0 are let go, and each of them saves a batch.
    learned = Rhythm(rhythm_learning.learn(timers(100), 5.0))
    with_rhythm, without = replay_of_timers(learned), replay_of_timers(Rhythm())
    assert with_rhythm.missed_share(5.0) <= 0.27
    assert with_rhythm.costs(Prices()).sum() < 0.85 * without.costs(Prices()).sum()
    assert without.missed_share(5.0) > 0.2

"""What a later start gains: learned from arrivals, looked up by quiet seconds and the second of a cycle."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events.policy import rhythm
from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import Goal, Patience
from almanac.workloads.events.replays.load import Load, Processing
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import Patient

QUICK = Processing("quick", constant=0.01, per_event=0.0, per_kb=0.0, spread=0.0)
BEGUN = 1_700_000_000.0


def timers(cycles: int) -> Floats:
    """Arrivals of timers: in each minute one at second 0 with another 5.5 s later, and single ones at seconds 20 and 40."""
    return np.concatenate(
        [BEGUN + 60.0 * cycle + np.array([0.0, 5.5, 20.0, 40.0]) for cycle in range(cycles)]
    )


def test_a_later_start_saves_the_batches_that_its_arrivals_would_have_opened() -> None:
    # T makes three batches, of 0 and 4, of 9, of 30. After 4 a start before 9 saves none of the two that follow, a later one saves one.
    known = rhythm.moments(np.array([0.0, 4.0, 9.0, 30.0]), 5.0)
    at = int(np.argmin(np.abs(known.instants - 4.05)))
    assert (known.instants[at], known.quiet[at]) == pytest.approx((4.05, 0.05))
    assert known.saved[at].tolist() == [1.0 if 4.05 + 0.25 * step >= 9.0 else 0.0 for step in range(41)]
    assert known.instants.max() <= 30.0 - 10.0, "what comes after the end is not known"


@pytest.mark.slow
def test_what_timers_send_is_worth_waiting_for_and_silence_is_not() -> None:
    found = Rhythm(rhythm.learn(timers(100), 5.0))
    assert str(found) == "gains by quiet seconds and second of 60"
    hour = BEGUN + 3600.0
    followed = found.gained(newest=hour, now=hour + 0.1)
    single = found.gained(newest=hour + 20.0, now=hour + 20.1)
    waited = np.array([4.5, 6.0])
    assert followed(hour + waited) == pytest.approx([0.0, 5.0], abs=0.8), (
        "a batch saved counts as the objective"
    )
    assert single(hour + 20.0 + waited) == pytest.approx([0.0, 0.0], abs=0.6)


@pytest.mark.slow
def test_arrivals_without_memory_have_no_rhythm() -> None:
    random = BEGUN + np.cumsum(np.random.default_rng(5).exponential(2.0, 3000))
    assert rhythm.learn(random, 5.0).empty


def test_where_all_came_within_a_few_objectives_nothing_is_learned() -> None:
    assert rhythm.learn(BEGUN + 0.021 * np.arange(550), 2.0).empty


@pytest.mark.slow
def test_chance_is_taken_for_a_rhythm_in_one_case_of_ten_at_most() -> None:
    drawn = (BEGUN + np.cumsum(np.random.default_rng(seed).exponential(20.0, 320)) for seed in range(20))
    assert sum(not rhythm.learn(each, 5.0).empty for each in drawn) <= 2


def test_little_traffic_teaches_no_rhythm() -> None:
    for few in (timers(70), np.array([BEGUN]), np.array([]), np.full(1_000, BEGUN)):
        assert rhythm.learn(few, 5.0).empty


@pytest.mark.slow
def test_bursts_and_silence_are_told_by_the_seconds_without_an_arrival() -> None:
    # Three events a second apart, then a minute or so of silence: within a burst waiting pays, after it nothing comes.
    random = np.random.default_rng(6)
    bursts = np.cumsum(60.0 + 13.7 * random.random(300))
    arrivals = BEGUN + np.sort(np.concatenate([bursts + part for part in (0.0, 2.0, 4.0)]))
    found = Rhythm(rhythm.learn(arrivals, 5.0))
    assert str(found) == "gains by quiet seconds"
    fresh, quiet = (
        found.gained(newest=BEGUN, now=BEGUN + since)(np.array([BEGUN + since + 2.0]))[0]
        for since in (0.1, 4.5)
    )
    assert fresh > quiet + 0.5


def test_without_a_table_a_second_is_a_second() -> None:
    for unknown in (Rhythm(), Rhythm(pd.DataFrame(columns=["band_id"]))):
        assert unknown.gained(newest=90.0, now=100.0)(np.array([100.0, 103.5])).tolist() == [0.0, 3.5]
        assert str(unknown) == "no rhythm of arrivals"


def row(phase: tuple[float, float], quiet: tuple[float, float], gains: list[float]) -> dict[str, object]:
    """Return a row of the table, whose starts are 2 s apart."""
    named = {
        "phase_min": phase[0],
        "phase_max": phase[1],
        "quiet_min_seconds": quiet[0],
        "quiet_max_seconds": quiet[1],
    }
    return named | {"band_id": f"{phase}{quiet}", "step_seconds": 2.0, "gained_seconds": gains}


def test_a_gain_is_looked_up_by_the_second_of_the_cycle_and_the_quiet_seconds() -> None:
    early, late, young, old = (0.0, 5.0), (5.0, 10.0), (0.0, 1.0), (1.0, 1e6)
    rows = [
        row(late, old, [0.0, 4.0]),
        row(early, young, [0.0, 1.0]),
        row(late, young, [0.0, 3.0]),
        row(early, old, [0.0, 2.0]),
    ]
    known = Rhythm(pd.DataFrame(rows))
    told = [
        known.gained(newest=now - quiet, now=now)(np.array([now + 1.0]))[0]
        for now in (1004.9, 1005.0)
        for quiet in (0.9, 1.0)
    ]
    assert told == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert known.gained(newest=0.0, now=1000.0)(np.array([1009.0]))[0] == 2.0, (
        "beyond the last start nothing more is known"
    )


@pytest.mark.parametrize(
    "broken",
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
def test_a_table_that_is_not_whole_is_not_used_and_said(
    broken: dict[str, list[object]], caplog: pytest.LogCaptureFixture
) -> None:
    whole = pd.DataFrame([row((0.0, 5.0), (0.0, 1e6), [0.0, 1.0]), row((5.0, 10.0), (0.0, 1e6), [0.0, 2.0])])
    assert str(rhythm.checked(whole)) == "gains by quiet seconds and second of 10"
    assert rhythm.checked(whole.assign(**broken)) == Rhythm()
    assert "the rhythm of arrivals cannot be used" in caplog.text


def test_a_clock_that_was_set_back_is_no_error() -> None:
    known = Rhythm(pd.DataFrame([row((0.0, 10.0), (0.0, 1e6), [0.0, 1.0])]))
    assert known.gained(newest=1010.0, now=1000.0)(np.array([1001.0]))[0] == 0.5


@pytest.mark.slow
def test_the_same_misses_save_more_where_the_rhythm_is_known() -> None:
    # One event of four may miss. Who knows the timers lets only those of second 0 go, of which each saves a batch.
    arrivals = timers(100) - BEGUN
    load = Load(arrivals, np.arange(len(arrivals) + 1.0), np.ones(len(arrivals)), QUICK, BEGUN)
    learned = Rhythm(rhythm.learn(timers(100), 5.0))
    known, unknown = (
        run(
            load,
            Patient(
                lambda counts, _kb: (np.full(len(counts), 0.01), np.full(len(counts), 0.005)),
                Patience(Goal(5.0, 0.26), 1.0),
                rhythm=each,
            ),
        )
        for each in (learned, Rhythm())
    )
    assert known.missed_share(5.0) <= 0.27
    assert known.costs(Prices()).sum() < 0.85 * unknown.costs(Prices()).sum()
    assert unknown.missed_share(5.0) > 0.2

"""Replays against one worker, with values worked out by hand."""

import numpy as np
import pytest

from almanac.workloads.events.policy.costs import Floats, Prices
from almanac.workloads.events.policy.start import Goal, Patience, Predictor
from almanac.workloads.events.replays.load import HEAVY, LIGHT, Integers, Processing, make
from almanac.workloads.events.replays.replay import Rule, run
from almanac.workloads.events.replays.rules import (
    ByRate,
    FixedSize,
    FixedWithTimer,
    LastMoment,
    Patient,
    Polling,
)
from almanac.workloads.events.sources import generator
from tests.events.load_samples import BY_COUNT, STEADY, load

GENERATED = generator.generate(300.0, seed=4, shape=generator.Shape(rate=4.0, bursts_per_hour=60))


def exactly(processing: Processing, spread: float = 0.005) -> Predictor:
    def predict(counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
        return processing.seconds(counts, kb), np.full(len(counts), spread)

    return predict


RULES = {
    "fixed": lambda: FixedSize(7),
    "polling": lambda: Polling(20),
    "timer": lambda: FixedWithTimer(20, 2.0, 0.5),
    "rate": lambda: ByRate(2.0, 0.5),
    "last moment": lambda: LastMoment(exactly(HEAVY), 2.0),
    "patient": lambda: Patient(exactly(HEAVY, 0.1), Patience(Goal(2.0, 0.05), 0.4)),
    "far": lambda: Patient(exactly(HEAVY, 0.1), Patience(Goal(2.0, 0.05, far_share=0.01), 0.4)),
}


def test_a_fixed_size_waits_until_so_many_are_there_and_takes_the_rest_at_the_end() -> None:
    replay = run(load([0.0, 1.0, 5.0, 6.0, 9.0]), FixedSize(2))
    assert replay.sizes.tolist() == [2, 2, 1]
    assert replay.starts.tolist() == [1.0, 6.0, 9.0]
    assert replay.latencies.tolist() == [2.0, 1.0, 2.0, 1.0, 1.0]


def test_polling_takes_what_is_there_and_sleeps_when_there_is_nothing() -> None:
    replay = run(load([0.0, 0.5, 4.0]), Polling(100, every_seconds=2.0))
    # Free at 1 it finds the second event; free at 2 nothing, nor is there any before the poll at 4.
    assert replay.starts.tolist() == [0.0, 1.0, 4.0]


def test_a_timer_starts_what_is_not_full_before_its_objective() -> None:
    replay = run(load([0.0, 0.2, 10.0]), FixedWithTimer(3, objective_seconds=5.0, lead_seconds=2.0))
    assert (replay.starts.tolist(), replay.sizes.tolist()) == ([3.0, 13.0], [2, 1])


def test_the_last_moment_is_the_objective_less_the_seconds_of_all_that_wait() -> None:
    replay = run(load([0.0, 1.0, 2.0, 30.0], BY_COUNT), LastMoment(exactly(BY_COUNT), objective_seconds=5.0))
    assert replay.starts.tolist() == pytest.approx([4.7, 34.9])
    assert replay.latencies.tolist() == pytest.approx([5.0, 4.0, 3.0, 5.0])
    assert replay.missed_share(5.0 + 1e-9) == 0


def test_an_arrival_that_makes_the_batch_longer_makes_it_start_at_once_where_the_last_moment_has_passed() -> (
    None
):
    # Alone the first could wait until 4.9; the second, at 4.85, makes that 4.8, which is over.
    replay = run(load([0.0, 4.85], BY_COUNT), LastMoment(exactly(BY_COUNT), objective_seconds=5.0))
    assert (replay.starts.tolist(), replay.sizes.tolist()) == ([4.85], [2])


def test_patience_lets_an_oldest_event_go_where_the_next_is_much_younger() -> None:
    arrivals = [0.0, 0.9, 1.0, 1.1, 50.0]
    strict = run(load(arrivals), LastMoment(exactly(STEADY), objective_seconds=4.0))
    patient = run(load(arrivals), Patient(exactly(STEADY), Patience(Goal(4.0, 0.2), worth_seconds=0.3)))
    assert strict.starts[0] == pytest.approx(3.0)
    assert patient.starts[0] == pytest.approx(3.9, abs=0.03)
    assert patient.missed_share(4.0) >= 0.2


def test_a_dear_miss_makes_the_patient_rule_the_last_moment() -> None:
    arrivals = [0.0, 0.9, 1.0, 1.1, 50.0]
    patient = run(load(arrivals), Patient(exactly(STEADY), Patience(Goal(4.0, 0.0), worth_seconds=16.0)))
    assert patient.starts[0] == pytest.approx(3.0, abs=0.02)
    assert patient.missed_share(4.0) == 0


def test_the_costs_of_a_replay_are_those_of_its_batches() -> None:
    replay = run(load([0.0, 1.0, 5.0], STEADY), FixedSize(2))
    assert replay.costs(Prices()).tolist() == pytest.approx([0.10 + 0.01 + 0.02, 0.10 + 0.005 + 0.02])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("processing", [LIGHT, HEAVY], ids=lambda each: each.name)
def test_no_rule_knows_the_future_or_does_two_things_at_once(name: str, processing: Processing) -> None:
    traffic = make(GENERATED, processing, seed=2)
    rule: Rule = RULES[name]()
    replay = run(traffic, rule)
    lasts = replay.first + replay.sizes
    assert replay.sizes.sum() == len(traffic)
    assert (lasts[:-1] == replay.first[1:]).all()
    assert (replay.starts >= traffic.arrivals[lasts - 1]).all()
    assert (replay.starts[1:] >= (replay.starts + replay.seconds)[:-1] - 1e-9).all()


def test_the_same_seed_brings_the_same_luck_and_another_seed_another() -> None:
    first, again, other = (make(GENERATED, HEAVY, seed=seed).luck for seed in (2, 2, 3))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert first.mean() == pytest.approx(1.0, abs=0.02)


def test_a_few_events_wait_longer_where_a_far_share_is_left_and_the_99th_percentile_is_kept() -> None:
    # Every 20 s two events that are 1.6 objectives apart: the second comes too late for the first, unless the first may be far.
    arrivals = [start + late for start in range(0, 40_000, 20) for late in (0.0, 6.4)]
    near, far = (
        run(load(arrivals), Patient(exactly(STEADY), Patience(Goal(4.0, 0.3, far_share=share), 0.3)))
        for share in (0.0, 0.009)
    )
    objective = 4.0
    assert near.latencies.max() <= 1.25 * objective
    assert (near.sizes == 1).all()
    # 36 of 4,000 may be far; every other one is a second event, which waits in vain.
    assert 17 <= int((far.sizes == 2).sum()) <= 20
    assert np.quantile(far.latencies, 0.99) <= 1.25 * objective
    assert far.latencies.max() <= 2.01 * objective

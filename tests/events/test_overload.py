"""The policy is never more than 2 % dearer than polling, whatever the load, and bears bursts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.rules import MissBudget, Polling
from almanac.workloads.events.replays import bursts, hindsight, load, tuning
from almanac.workloads.events.replays.bursts import Burst
from almanac.workloads.events.replays.load import LIGHT, Load, Processing
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.tuning import Practice
from almanac.workloads.events.sources import generator
from almanac.workloads.events.sources.generator import TrafficPattern
from tests.events.loads import exactly

EVENTS = 3_000
MOST_DEARER = 1.02


def traffic(seed: int, busy: float, processing: Processing, *, is_uneven: bool) -> Load:
    """Return arrivals that keep a worker busy for this share of the time, in batches without a constant."""
    random = np.random.default_rng(seed)
    kb = random.lognormal(0.0, 0.8, EVENTS)
    each = processing.per_event + processing.per_kb * float(kb.mean())
    gaps = random.exponential(1.0, EVENTS)
    if is_uneven:
        gaps /= np.repeat(random.choice([0.3, 1.0, 3.0], EVENTS // 50), 50)
    arrivals = np.cumsum(gaps / gaps.mean()) * each / busy
    kb_before = np.concatenate([[0.0], np.cumsum(kb)])
    return Load(arrivals, kb_before, processing.luck(random, EVENTS), processing)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    seed=st.integers(0, 10_000),
    busy=st.sampled_from([0.3, 0.6, 0.8, 0.9, 0.95, 1.0, 1.05, 1.2, 1.6, 3.0]),
    processing=st.builds(
        Processing,
        st.just("made up"),
        st.sampled_from([0.01, 0.05, 0.2]),
        st.sampled_from([0.001, 0.01, 0.03]),
        st.sampled_from([0.0, 0.01, 0.05]),
    ),
    objective=st.sampled_from([2.0, 5.0, 10.0]),
    aim=st.sampled_from([0.0, 0.002, 0.01, 0.05]),
    worth=st.sampled_from([0.05, 0.2, 4.0]),
    is_uneven=st.booleans(),
)
def test_no_load_makes_the_policy_dearer_than_polling(
    seed: int,
    busy: float,
    processing: Processing,
    objective: float,
    aim: float,
    worth: float,
    is_uneven: bool,
) -> None:
    arrivals = traffic(seed, busy, processing, is_uneven=is_uneven)
    goal = Goal(objective, aim, slack_seconds=0.02 * objective)
    rule = MissBudget(exactly(processing, 0.1), MissPrice(goal, worth * objective))
    ours, theirs = (run(arrivals, each).cost_per_event(Prices()) for each in (rule, Polling(100)))
    assert ours <= MOST_DEARER * theirs


CALM = generator.generate(400.0, seed=3, pattern=TrafficPattern(rate=5.0, swing=0.0, bursts_per_hour=0.0))
AIM, OBJECTIVE = 0.01, 2.0


@pytest.fixture(scope="module")
def learned() -> MissPrice:
    """The price of a miss that calm traffic has taught."""
    practice = Practice(load.make(CALM.part(0, 1000), LIGHT, seed=1), Goal(OBJECTIVE, AIM), Prices())
    return tuning.first_price(practice, exactly(LIGHT, 0.1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "peak"), [*((shape, 0.9) for shape in bursts.SHAPES), ("ramp", 1.3), ("spike train", 3.0)]
)
def test_in_bursts_after_a_calm_training_little_more_is_missed_than_nobody_could_save(
    learned: MissPrice, shape: str, peak: float
) -> None:
    missed, least, _ = misses(Burst(shape, peak), learned)
    assert missed <= 1.5 * AIM + least


@pytest.mark.slow
def test_in_a_burst_beyond_capacity_nearly_as_little_is_missed_as_with_hindsight(learned: MissPrice) -> None:
    missed, least, polled = misses(Burst("square", 1.3), learned)
    # No batch can be saved for later here, so the aim is out of reach for everybody.
    assert least > 0.4
    assert missed <= least + 0.06
    assert missed < polled - 0.1


def misses(burst: Burst, learned: MissPrice) -> tuple[float, float, float]:
    """Return the shares of misses of the policy, of hindsight and of polling."""
    trace = bursts.on_calm(CALM.part(1000, len(CALM)), burst, LIGHT, OBJECTIVE, seed=7)
    later = load.make(trace, LIGHT, seed=8)
    rule = MissBudget(exactly(LIGHT, 0.1), MissPrice(learned.goal, learned.worth_seconds))
    best = hindsight.fewest_misses(later, Prices(), objective_seconds=OBJECTIVE)
    policy, polling, plan = (
        replay.missed_share(OBJECTIVE) for replay in (run(later, rule), run(later, Polling(100)), best)
    )
    return policy, plan, polling


def test_a_burst_has_its_shape_and_comes_again() -> None:
    ramp = bursts.overlay(CALM, Burst("ramp", 1.0, length=10.0, every=20.0), 50.0, OBJECTIVE, seed=1)
    added = len(ramp) - len(CALM)
    # Bursts of 20 s begin after 20, 60, ... s; a ramp has half of its peak in the mean.
    assert added == pytest.approx(9 * 20 * 25, rel=0.05)
    first = ramp.seconds[(ramp.seconds >= 20) & (ramp.seconds < 40)]
    assert (first > 35).sum() > 3 * (first < 25).sum()
    assert ramp.simulated


def test_the_same_seed_makes_the_same_bursts() -> None:
    first, again, other = (
        bursts.on_calm(CALM, Burst("decay", 1.3), LIGHT, OBJECTIVE, seed=seed) for seed in (1, 1, 2)
    )
    assert first.seconds.tolist() == again.seconds.tolist()
    assert len(first) != len(other)


def test_the_capacity_is_that_of_batches_of_a_typical_length() -> None:
    # In 0.6 s a worker does 58 events of 0.01 s after 0.02 s for the batch.
    assert bursts.capacity(CALM, LIGHT, OBJECTIVE) == pytest.approx(58 / 0.6)

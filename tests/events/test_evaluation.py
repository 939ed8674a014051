"""How predicted seconds and policies are judged."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import evaluation, features, model
from almanac.workloads.events import standings as standing
from almanac.workloads.events.contract import CONTENDERS
from almanac.workloads.events.evaluation import Case
from almanac.workloads.events.policy import table
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.start import Goal
from almanac.workloads.events.policy.table import Lookup, Sizes, Terms
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import FixedSize
from almanac.workloads.events.sources import generator, replayed
from tests.events.load_samples import STEADY, load

TRACE = generator.generate(400.0, seed=7)
HISTORY = replayed.history(TRACE, Prices(), objective_seconds=2.0, seed=1)
BATCHES = features.build(HISTORY)
TERMS = Terms(Goal(2.0, 0.02), Prices(), Sizes(), worth_seconds=0.4)


def batches(*seconds: float) -> pd.DataFrame:
    """Return batches that began a second apart."""
    return pd.DataFrame(
        {
            "seconds": seconds,
            "started_at": pd.date_range("2026-01-01", periods=len(seconds), freq="s", tz="UTC"),
        }
    )


def test_a_loss_is_the_error_and_twice_the_pinball_loss_in_units_of_the_mean_seconds() -> None:
    told = np.array([[1.0, 2.0], [2.0, 2.5]])
    # Errors 0 and 1; pinball 0.1 * 1 below the bound and 0.9 * 0.5 above it; the mean is 2.
    assert evaluation.losses(batches(1.0, 3.0), told).tolist() == pytest.approx(
        [(0 + 0.2) / 2, (1 + 0.9) / 2]
    )


def test_the_score_of_a_perfect_prediction() -> None:
    score = evaluation.score(batches(1.0, 3.0), np.array([[1.0, 1.0], [3.0, 3.0]]))
    assert (score["seconds_loss"], score["r2"], score["above_p90"], score["n"]) == (0.0, 1.0, 0.0, 2)


def test_later_batches_are_those_of_the_last_part_of_the_time() -> None:
    early, later = evaluation.split(batches(*range(1, 12)))
    assert (len(early), len(later)) == (7, 4)


def test_of_models_that_are_as_good_the_simplest_is_taken() -> None:
    actual = batches(*np.random.default_rng(1).uniform(1, 2, 200))
    seconds = actual["seconds"].to_numpy()
    nearly = np.column_stack([seconds + np.random.default_rng(2).normal(0, 0.1, 200), seconds + 0.2])
    same = np.column_stack([seconds + np.random.default_rng(3).normal(0, 0.1, 200), seconds + 0.2])
    wide = np.column_stack([seconds + 1.0, seconds + 2.0])
    assert (
        evaluation.simplest_good(actual, {"wide": wide, "nearly": nearly, "same": same}, seed=1) == "nearly"
    )


def test_each_batch_is_predicted_by_a_model_of_earlier_ones() -> None:
    told = evaluation.rolling(model.make("linear", seed=1), BATCHES)
    changed = BATCHES.assign(seconds=np.where(BATCHES.index > 100, 9.0, BATCHES["seconds"]))
    again = evaluation.rolling(model.make("linear", seed=1), changed)
    first = len(BATCHES) - len(told.batches)
    assert first == round(len(BATCHES) * 0.2)
    assert told.seconds[: 100 - first].tolist() == again.seconds[: 100 - first].tolist()


def test_batches_that_another_model_has_seen_are_only_learned_from() -> None:
    until = BATCHES["started_at"].iloc[150]
    told = evaluation.rolling(model.make("linear", seed=1), BATCHES, since=until.isoformat())
    assert (told.batches["started_at"] > until).all()
    assert len(told.batches) == len(BATCHES) - 151


def test_a_saving_is_the_share_of_the_cost_that_is_not_spent() -> None:
    traffic = load([60.0 * minute + second for minute in range(20) for second in (0.0, 1.0)], STEADY)
    pairs, singles = run(traffic, FixedSize(2)), run(traffic, FixedSize(1))
    # A pair costs 0.13 and two singles 0.25.
    found = evaluation.saving(pairs, singles, Prices(), seed=1)
    assert found.estimate == pytest.approx(1 - 0.13 / 0.25)
    assert found.low == pytest.approx(found.high)


def test_fixed_sizes_trade_cost_for_misses() -> None:
    traffic = load([float(second) for second in range(100)], STEADY)
    case = Case(traffic, traffic, Goal(4.5, 0.01), Prices())
    sizes = evaluation.by_size(case, (2, 10))
    assert sizes["cost_per_event"].tolist() == pytest.approx([(0.13) / 2, (0.10 + 0.05 + 0.02) / 10])
    assert sizes["missed_share"].tolist() == pytest.approx([0.0, 0.6])


@pytest.fixture(scope="module")
def competition() -> tuple[Case, dict[str, evaluation.Outcome], pd.DataFrame]:
    """A short generated trace, replayed by all contenders."""
    case = evaluation.case(BATCHES, TRACE.frame(), TERMS, seed=1)
    early, _ = evaluation.split(BATCHES)
    states = table.states(early, TRACE.kb, TERMS)
    made = [
        Lookup.of(model.predict(model.fit(model.make(name, seed=1), early), states)).seconds
        for name in ("linear", "count")
    ]
    outcomes = evaluation.compete(case, made[0], made[1])
    return case, outcomes, evaluation.standings(case, outcomes, evaluation.frontier(case), seed=1)


@pytest.mark.slow
def test_every_contender_stands_beside_hindsight_with_cost_and_misses_together(
    competition: tuple[Case, dict[str, evaluation.Outcome], pd.DataFrame],
) -> None:
    case, _, standings = competition
    assert standings.columns.tolist() == CONTENDERS.column_names
    assert standings["contender"].tolist() == [
        "polling",
        "fixed",
        "timer",
        "rate",
        "T count",
        "T",
        "policy",
        "hindsight",
    ]
    assert (standings["events"] == len(case.later)).all()
    known = standings.set_index("contender")
    assert known.loc["polling", "saving"] == 0
    assert known.loc["policy", "cost_per_event"] < known.loc["polling", "cost_per_event"]


@pytest.mark.slow
def test_no_contender_that_keeps_to_the_frontier_is_better_than_hindsight(
    competition: tuple[Case, dict[str, evaluation.Outcome], pd.DataFrame],
) -> None:
    _, _, standings = competition
    known = standings.set_index("contender")
    assert (known.loc[["T count", "T", "policy"], "against_hindsight"] >= 1).all()


@pytest.mark.slow
def test_the_parts_of_the_saving_add_up_to_the_whole(
    competition: tuple[Case, dict[str, evaluation.Outcome], pd.DataFrame],
) -> None:
    case, outcomes, _ = competition
    parts = standing.decomposed(case, outcomes, seed=1)
    assert parts.index.tolist() == ["timer", "T", "policy"]
    assert parts["saved"].sum() == pytest.approx(parts.loc["policy", "in_all"])


def test_the_verdict_says_when_the_simpler_rule_is_as_good() -> None:
    rows = pd.DataFrame(
        {
            "contender": ["timer", "T count", "T", "policy"],
            "cost_per_event": [1.2, 1.001, 1.0, 0.9],
            "missed_share": [0.01] * 4,
        }
    )
    told = standing.verdict(rows)
    assert "policy costs 10.0% less than T (1.00% misses against 1.00%)" in told
    assert "T costs as much as T count" in told
    assert "the simpler is as good" in told


def test_training_never_sees_the_later_traffic() -> None:
    case = evaluation.case(BATCHES, TRACE.frame(), TERMS, seed=1)
    assert len(case.earlier) + len(case.later) == len(TRACE)
    assert case.earlier.arrivals[-1] <= 0.61 * TRACE.seconds[-1]

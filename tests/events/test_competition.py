"""How the contenders compare on later traffic."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.events import evaluation, features, model, standings
from almanac.workloads.events.contract import CONTENDERS
from almanac.workloads.events.policy import table
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.lookup import Lookup
from almanac.workloads.events.policy.table import PolicyTerms, Sizes
from almanac.workloads.events.replays import comparison, competition
from almanac.workloads.events.replays.competition import Case, Result
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import FixedSize
from almanac.workloads.events.sources import generator, replayed_trace
from tests.events.loads import STEADY, load

TRACE = generator.generate(400.0, seed=7)
BATCHES = features.build(replayed_trace.history(TRACE, Prices(), objective_seconds=2.0, seed=1))
TERMS = PolicyTerms(Goal(2.0, 0.02), Prices(), Sizes(), worth_seconds=0.4)
NAMES = ["polling", "fixed", "timer", "rate", "T count", "T", "policy", "hindsight"]


@pytest.fixture(scope="module")
def case() -> Case:
    """A short generated trace, divided into earlier and later traffic."""
    return competition.case(BATCHES, TRACE.frame(), TERMS, seed=1)


@pytest.fixture(scope="module")
def results(case: Case) -> dict[str, Result]:
    """The replays of all contenders."""
    early, _ = evaluation.split(BATCHES)
    states = table.states(early, TRACE.kb, TERMS)
    fits = [model.fit(model.make(name, seed=1), early) for name in ("linear", "count")]
    by_kb, by_count = (Lookup.of(model.predict(pipeline, states)).seconds for pipeline in fits)
    return competition.compete(case, by_kb, by_count)


@pytest.fixture(scope="module")
def contenders(case: Case, results: dict[str, Result]) -> pd.DataFrame:
    """The table of the contenders."""
    return comparison.table(case, results, competition.frontier(case), seed=1)


def test_training_never_sees_the_later_traffic(case: Case) -> None:
    assert len(case.earlier) + len(case.later) == len(TRACE)
    assert case.earlier.arrivals[-1] <= 0.61 * TRACE.seconds[-1]


def test_a_saving_is_the_share_of_the_cost_that_is_not_spent() -> None:
    traffic = load([60.0 * minute + second for minute in range(20) for second in (0.0, 1.0)], STEADY)
    pairs = run(traffic, FixedSize(2))
    singles = run(traffic, FixedSize(1))
    # A pair costs 0.13 and two singles 0.25.
    saved = comparison.saving(pairs, singles, Prices(), seed=1)
    assert saved.estimate == pytest.approx(1 - 0.13 / 0.25)
    assert saved.low == pytest.approx(saved.high)


def test_fixed_sizes_trade_cost_for_misses() -> None:
    traffic = load([float(second) for second in range(100)], STEADY)
    sizes = competition.by_size(Case(traffic, traffic, Goal(4.5, 0.01), Prices()), (2, 10))
    assert sizes["cost_per_event"].tolist() == pytest.approx([(0.13) / 2, (0.10 + 0.05 + 0.02) / 10])
    assert sizes["missed_share"].tolist() == pytest.approx([0.0, 0.6])


@pytest.mark.slow
def test_every_contender_stands_beside_hindsight_with_cost_and_misses_together(
    case: Case, contenders: pd.DataFrame
) -> None:
    assert contenders.columns.tolist() == CONTENDERS.column_names
    assert contenders["contender"].tolist() == NAMES
    assert (contenders["events"] == len(case.later)).all()
    rows = contenders.set_index("contender")
    assert rows.loc["polling", "saving"] == 0
    assert rows.loc["policy", "cost_per_event"] < rows.loc["polling", "cost_per_event"]


@pytest.mark.slow
def test_no_contender_that_stays_within_the_frontier_is_better_than_hindsight(
    contenders: pd.DataFrame,
) -> None:
    rows = contenders.set_index("contender")
    assert (rows.loc[["T count", "T", "policy"], "against_hindsight"] >= 1).all()


@pytest.mark.slow
def test_the_parts_of_the_saving_add_up_to_the_whole(case: Case, results: dict[str, Result]) -> None:
    parts = comparison.saving_by_stage(case, results, seed=1)
    assert parts.index.tolist() == ["timer", "T", "policy"]
    assert parts["saved"].sum() == pytest.approx(parts.loc["policy", "in_all"])


@pytest.mark.slow
def test_the_standings_of_a_version_are_read_back_as_they_were_stored(contenders: pd.DataFrame) -> None:
    stored = standings.of_version({"contenders": contenders.to_dict("records")})
    pd.testing.assert_frame_equal(stored, contenders)
    assert standings.of_version({}).columns.tolist() == CONTENDERS.column_names


def test_the_verdict_says_when_the_simpler_rule_is_as_good() -> None:
    rows = pd.DataFrame(
        {
            "contender": ["timer", "T count", "T", "policy"],
            "cost_per_event": [1.2, 1.001, 1.0, 0.9],
            "missed_share": np.full(4, 0.01),
        }
    )
    verdict = standings.verdict(rows)
    assert "policy costs 10.0% less than T (1.00% misses against 1.00%)" in verdict
    assert "T costs as much as T count" in verdict
    assert "the simpler is as good" in verdict

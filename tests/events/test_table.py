"""The policy table: every state has one row, and the look-up finds it."""

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.workloads.events import features, model
from almanac.workloads.events.contract import CONTRACT
from almanac.workloads.events.policy import table
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.lookup import Lookup
from almanac.workloads.events.policy.table import PolicyTerms, Sizes
from almanac.workloads.events.replays.load import HEAVY
from almanac.workloads.events.sources import generator, replayed_trace

TERMS = PolicyTerms(Goal(2.0, 0.01), Prices(), Sizes(), worth_seconds=8.0)
TRACE = generator.generate(240.0, seed=3)
BATCHES = features.build(replayed_trace.history(TRACE, Prices(), objective_seconds=2.0, seed=1))


@pytest.fixture(scope="module")
def policy() -> pd.DataFrame:
    """The policy that follows from a linear model of a short replay."""
    pipeline = model.fit(model.make("linear", seed=1), BATCHES)
    return model.predict(pipeline, table.states(BATCHES, TRACE.kb, TERMS))


@pytest.fixture(scope="module")
def lookup(policy: pd.DataFrame) -> Lookup:
    """The look-up of the same policy, from rows in any order."""
    return Lookup.of(policy.sample(frac=1.0, random_state=1))


def rows_with(policy: pd.DataFrame, backlog: int, age: float, average: float) -> pd.DataFrame:
    """Return the rows whose bands hold a state."""
    has_backlog = policy["backlog_min"].le(backlog) & policy["backlog_max"].ge(backlog)
    has_age = policy["age_min_seconds"].le(age) & policy["age_max_seconds"].gt(age)
    has_kb = policy["kb_min"].le(average) & policy["kb_max"].gt(average)
    return policy[has_backlog & has_age & has_kb]


def start_age(lookup: Lookup, backlog: int, avg_kb: float) -> float:
    row = lookup.find(backlog=backlog, age_seconds=0.1, avg_kb=avg_kb)
    assert row is not None
    return row.start_age_seconds


def test_the_table_has_the_columns_of_the_contract_and_one_row_per_state(policy: pd.DataFrame) -> None:
    assert list(policy.columns) == CONTRACT.predictions.column_names
    assert policy["state_id"].is_unique
    # The share that was measured is put beside afterwards.
    assert policy.drop(columns="p90_coverage").notna().all().all()


@pytest.mark.parametrize("backlog", [1, 16, 137, 90_000])
@pytest.mark.parametrize("age", [0.0, 0.99, 1.0, 60.0])
@pytest.mark.parametrize("average", [0.0, 9_999.0])
def test_every_state_lies_in_exactly_one_row_and_the_look_up_finds_it(
    policy: pd.DataFrame, lookup: Lookup, backlog: int, age: float, average: float
) -> None:
    row = lookup.find(backlog=backlog, age_seconds=age, avg_kb=average, hour=13)
    assert row is not None
    assert rows_with(policy, backlog, age, average)["state_id"].tolist() == [row.state_id]


def test_an_empty_queue_has_no_state(lookup: Lookup) -> None:
    assert lookup.find(backlog=0, age_seconds=0.0, avg_kb=1.0) is None


def test_more_and_heavier_events_start_earlier(lookup: Lookup) -> None:
    few, many, heavy = (start_age(lookup, *state) for state in [(1, 2.0), (10, 2.0), (10, 8.0)])
    assert few > many > heavy


def test_the_seconds_of_a_state_are_near_those_that_made_the_history(lookup: Lookup) -> None:
    counts = np.array([5, 20])
    kb = np.array([30.0, 120.0])
    seconds, spreads = lookup.seconds(counts, kb)
    assert seconds.tolist() == pytest.approx(HEAVY.seconds(counts, kb).tolist(), rel=0.12)
    assert (spreads < 0.2).all()


def test_the_largest_batch_is_that_of_the_terms(lookup: Lookup) -> None:
    assert lookup.largest == TERMS.sizes.largest


def test_the_cost_of_a_state_is_the_cost_function_at_its_expected_seconds(policy: pd.DataFrame) -> None:
    row = policy[policy["backlog_min"] == 10].iloc[0]
    assert row["expected_cost"] == pytest.approx(Prices().parts(10, row["expected_seconds"]).total)
    assert row["expected_cost_per_event"] == pytest.approx(row["expected_cost"] / 10)


@pytest.mark.parametrize(
    ("sizes", "expected"), [(Sizes(), [1, 20, 500]), (Sizes(10, 100, 25), [10, 35, 100])]
)
def test_batch_sizes_stay_within_minimum_maximum_and_step(sizes: Sizes, expected: list[int]) -> None:
    assert sizes.at_least(np.array([1, 20, 900])).tolist() == expected


def test_a_state_says_in_words_why(policy: pd.DataFrame) -> None:
    waits = policy["wait_seconds"] > 0
    assert policy.loc[waits, "reason"].str.startswith("wait up to").all()
    assert policy.loc[policy["wait_seconds"] == 0, "reason"].str.startswith("start now").all()


def test_a_minimum_above_the_maximum_is_refused_by_name() -> None:
    problem = r"ALMANAC_EVENTS_BATCH_MINIMUM exceeds ALMANAC_EVENTS_BATCH_MAXIMUM: 60 is more than 50"
    with pytest.raises(UsageError, match=problem):
        PolicyTerms.of(Settings(ALMANAC_EVENTS_BATCH_MINIMUM=60, ALMANAC_EVENTS_BATCH_MAXIMUM=50))


def test_a_policy_of_small_batches_has_bands_up_to_the_largest() -> None:
    terms = PolicyTerms(Goal(2.0, 0.01), Prices(), Sizes(2, 6, 2), worth_seconds=1.0)
    states = table.states(BATCHES, TRACE.kb, terms)
    assert sorted(states["backlog_min"].unique()) == [1, 2, 3, 4, 5, 6]
    assert sorted(states["batch_size"].unique()) == [2, 4, 6]

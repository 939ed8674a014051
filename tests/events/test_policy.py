"""The policy table: every state has one row, and looking it up finds it."""

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.workloads.events import features, model
from almanac.workloads.events.contract import CONTRACT
from almanac.workloads.events.policy import table as policy
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.start import Goal, Stakes
from almanac.workloads.events.policy.table import Choice, Lookup, Sizes, Terms
from almanac.workloads.events.replays.load import HEAVY
from almanac.workloads.events.sources import generator, replayed

TERMS = Terms(Goal(2.0, 0.01), Prices(), Sizes(), worth_seconds=8.0)
TRACE = generator.generate(240.0, seed=3)
BATCHES = features.build(replayed.history(TRACE, Prices(), objective_seconds=2.0, seed=1))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The policy that follows from a linear model of a short replay."""
    return model.predict(
        model.fit(model.make("linear", seed=1), BATCHES), policy.states(BATCHES, TRACE.kb, TERMS)
    )


@pytest.fixture(scope="module")
def lookup(table: pd.DataFrame) -> Lookup:
    """The same table to look things up in."""
    return Lookup.of(table.sample(frac=1.0, random_state=1))


def test_the_table_has_the_columns_of_the_contract_and_one_row_per_state(table: pd.DataFrame) -> None:
    assert list(table.columns) == CONTRACT.predictions.column_names
    assert table["state_id"].is_unique
    assert table.notna().all().all()


@pytest.mark.parametrize("backlog", [1, 16, 137, 90_000])
@pytest.mark.parametrize("age", [0.0, 0.99, 1.0, 60.0])
@pytest.mark.parametrize("average", [0.0, 9_999.0])
def test_every_state_lies_in_exactly_one_row_and_the_look_up_finds_it(
    table: pd.DataFrame, lookup: Lookup, backlog: int, age: float, average: float
) -> None:
    inside = (
        table["backlog_min"].le(backlog)
        & table["backlog_max"].ge(backlog)
        & table["age_min_seconds"].le(age)
        & table["age_max_seconds"].gt(age)
    )
    rows = table[inside & table["kb_min"].le(average) & table["kb_max"].gt(average)]
    choice = lookup.find(backlog=backlog, age_seconds=age, avg_kb=average, hour=13)
    assert choice is not None
    assert rows["state_id"].tolist() == [choice.state_id]


def test_an_empty_queue_has_no_state(lookup: Lookup) -> None:
    assert lookup.find(backlog=0, age_seconds=0.0, avg_kb=1.0) is None


def test_more_and_heavier_events_start_earlier(lookup: Lookup) -> None:
    starts = [
        choice.start_age_seconds
        for n, kb in [(1, 2.0), (10, 2.0), (10, 8.0)]
        if (choice := lookup.find(backlog=n, age_seconds=0.1, avg_kb=kb))
    ]
    assert starts == sorted(starts, reverse=True)
    assert len(set(starts)) == 3


def test_the_seconds_of_a_state_are_near_those_that_made_the_history(lookup: Lookup) -> None:
    seconds, spreads = lookup.seconds(np.array([5, 20]), np.array([30.0, 120.0]))
    assert seconds.tolist() == pytest.approx(HEAVY.seconds([5, 20], [30.0, 120.0]).tolist(), rel=0.12)
    assert (spreads < 0.2).all()


def test_the_wait_counts_from_the_age_of_the_oldest_and_follows_another_objective() -> None:
    choice = Choice("b00-a00-k00-h00", 5, 0.5, 1.7, 0.3, 0.35, 0.13, 0.026, 2.0, 8.0)
    assert choice.wait_seconds() == pytest.approx(1.2)
    assert choice.wait_seconds(3.0) == pytest.approx(2.2)
    assert choice.wait_seconds(0.5) == 0.0


def test_the_wait_for_known_ages_lets_the_oldest_go_only_where_that_is_worth_it() -> None:
    choice = Choice("b00-a00-k00-h00", 5, 1.0, 1.7, 0.3, 0.301, 0.13, 0.026, 2.0, 8.0)
    strict, patient = (choice.wait([1.0, 0.6, 0.55], Stakes(TERMS.goal, worth)) for worth in (8.0, 0.2))
    assert strict == pytest.approx(0.7, abs=0.02)
    assert patient == pytest.approx(1.1, abs=0.02)


def test_the_cost_of_a_state_is_the_cost_function_at_its_expected_seconds(table: pd.DataFrame) -> None:
    row = table[table["backlog_min"] == 10].iloc[0]
    assert row["expected_cost"] == pytest.approx(Prices().parts(10, row["expected_seconds"]).total)
    assert row["expected_cost_per_event"] == pytest.approx(row["expected_cost"] / 10)


@pytest.mark.parametrize(("sizes", "wanted"), [(Sizes(), [1, 20, 500]), (Sizes(10, 100, 25), [10, 35, 100])])
def test_batch_sizes_keep_to_minimum_maximum_and_step(sizes: Sizes, wanted: list[int]) -> None:
    assert sizes.at_least(np.array([1, 20, 900])).tolist() == wanted


def test_a_state_says_in_words_why(table: pd.DataFrame) -> None:
    assert table.loc[table["wait_seconds"] > 0, "reason"].str.startswith("wait up to").all()
    assert table.loc[table["wait_seconds"] == 0, "reason"].str.startswith("start now").all()


def test_a_minimum_above_the_maximum_is_refused_by_name() -> None:
    with pytest.raises(
        UsageError,
        match=r"ALMANAC_EVENTS_BATCH_MINIMUM exceeds ALMANAC_EVENTS_BATCH_MAXIMUM: 60 is more than 50",
    ):
        Terms.of(Settings(ALMANAC_EVENTS_BATCH_MINIMUM=60, ALMANAC_EVENTS_BATCH_MAXIMUM=50))


def test_a_policy_of_small_batches_has_bands_up_to_the_largest() -> None:
    terms = Terms(Goal(2.0, 0.01), Prices(), Sizes(2, 6, 2), worth_seconds=1.0)
    states = policy.states(BATCHES, TRACE.kb, terms)
    assert sorted(states["backlog_min"].unique()) == [1, 2, 3, 4, 5, 6]
    assert sorted(states["batch_size"].unique()) == [2, 4, 6]

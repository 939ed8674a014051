"""The plots and the summary show what the steps return."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from almanac.workloads.events import features, model, plots, summary
from almanac.workloads.events.contract import SCOREBOARD
from almanac.workloads.events.policy import table
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.table import PolicyTerms, Sizes
from almanac.workloads.events.replays import scoreboard
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.sources import generator, replayed_trace

TRACE = generator.generate(200.0, seed=9)
BATCHES = features.build(replayed_trace.history(TRACE, Prices(), objective_seconds=2.0, seed=1))
PREDICTED = BATCHES.assign(predicted_seconds=1.0, predicted_p90_seconds=1.5, predicted_cost=0.2)


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close the figures of a test."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def policy() -> pd.DataFrame:
    """A small policy."""
    terms = PolicyTerms(Goal(2.0, 0.01), Prices(), Sizes(largest=40), worth_seconds=1.0)
    pipeline = model.fit(model.make("linear", seed=1), BATCHES)
    return model.predict(pipeline, table.states(BATCHES, TRACE.kb, terms))


@pytest.mark.slow
def test_the_policy_is_drawn_as_two_maps(policy: pd.DataFrame) -> None:
    figure = plots.heat_map(policy)
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["events that wait"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "windows",
    [pd.DataFrame(columns=SCOREBOARD.column_names), scoreboard.of(PREDICTED).windows],
    ids=["empty", "with windows"],
)
def test_a_scoreboard_is_drawn_with_and_without_windows(windows: pd.DataFrame) -> None:
    assert len(plots.scoreboard(windows).axes) == 2


@pytest.mark.slow
def test_arrivals_are_drawn_in_events_and_kb() -> None:
    assert len(plots.arrivals(TRACE.frame()).axes) == 2


@pytest.mark.slow
def test_a_rhythm_is_drawn_through_its_cycle_and_as_a_line_without_one() -> None:
    band = {"quiet_min_seconds": 0.0, "step_seconds": 1.0, "gained_seconds": [0.0, 1.0, 2.0]}
    cycle = pd.DataFrame([band | {"phase_min": begun, "phase_max": begun + 5.0} for begun in (0.0, 5.0)])
    labels = [plots.rhythm(rows).axes[0].get_xlabel() for rows in (cycle, cycle.head(1))]
    assert labels == ["second of the cycle", "start so many seconds later"]


@pytest.mark.slow
def test_the_frontier_names_the_contenders_on_it() -> None:
    contenders = pd.DataFrame(
        {
            "contender": ["T", "policy", "polling"],
            "missed_share": [0.01, 0.02, 0.4],
            "cost_per_event": [0.02, 0.019, 0.03],
        }
    )
    figure = plots.frontier([Point(1.0, 0.0, 0.02), Point(0.1, 0.05, 0.018)], contenders)
    assert [text.get_text() for text in figure.axes[0].texts] == ["T", "policy"]


def test_the_headline_shows_small_and_large_backlogs(policy: pd.DataFrame) -> None:
    columns, rows = summary.headline(policy, rows=12)
    assert len(columns) == len(rows[0])
    assert [row[0] for row in rows][:2] == ["1", "1"]
    assert rows[-1][0] == "40 and more"


def test_a_backlog_band_that_is_not_open_is_shown_with_both_ends(policy: pd.DataFrame) -> None:
    bounded = policy.assign(backlog_max=policy["backlog_max"].clip(upper=103))
    _, rows = summary.headline(bounded, rows=12)
    assert rows[-1][0] == "40–103"


def test_the_facts_name_cost_and_misses_together() -> None:
    row = {"cost_per_event": 0.0151, "missed_share": 0.004, "against_hindsight": 1.013}
    contenders = [{"contender": name, **row} for name in ("policy", "T", "polling")]
    metrics = {"seconds_loss": 0.1, "n": 400, "r2": 0.95, "above_p90": 0.1, "contenders": contenders}
    facts = summary.facts(metrics)
    assert "R² of processing seconds 0.950" in facts
    assert "policy 0.0151 per event at 0.4% misses, 1.013 of hindsight" in facts


def test_the_facts_of_a_version_without_contenders_are_those_of_its_batches() -> None:
    facts = summary.facts({"seconds_loss": 0.1, "n": 400, "r2": 0.95, "above_p90": 0.1})
    assert facts == "On 400 later batches: R² of processing seconds 0.950, 10.0% above the 90th percentile."


def test_a_version_without_evaluation_says_so() -> None:
    assert summary.facts({}) == "This version has not been evaluated on later batches yet."

"""The pictures and the summary can be drawn from what the steps make."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from almanac.workloads.events import features, model, plots, summary
from almanac.workloads.events.contract import SCOREBOARD
from almanac.workloads.events.policy import table as policy
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.start import Goal
from almanac.workloads.events.policy.table import Sizes, Terms
from almanac.workloads.events.replays import scoreboard
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.sources import generator, replayed

TRACE = generator.generate(200.0, seed=9)
BATCHES = features.build(replayed.history(TRACE, Prices(), objective_seconds=2.0, seed=1))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A small policy."""
    terms = Terms(Goal(2.0, 0.01), Prices(), Sizes(largest=40), worth_seconds=1.0)
    return model.predict(
        model.fit(model.make("linear", seed=1), BATCHES), policy.states(BATCHES, TRACE.kb, terms)
    )


@pytest.mark.slow
def test_the_policy_is_drawn_as_two_maps(table: pd.DataFrame) -> None:
    figure = plots.heat_map(table)
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["events that wait"] * 2
    plt.close(figure)


@pytest.mark.slow
def test_arrivals_and_an_empty_scoreboard_are_drawn() -> None:
    for figure in (
        plots.arrivals(TRACE.frame()),
        plots.scoreboard(pd.DataFrame(columns=SCOREBOARD.column_names)),
        plots.scoreboard(board()),
    ):
        assert len(figure.axes) == 2
        plt.close(figure)


@pytest.mark.slow
def test_a_rhythm_is_drawn_through_its_cycle_and_as_a_line_without_one() -> None:
    band = {"quiet_min_seconds": 0.0, "step_seconds": 1.0, "gained_seconds": [0.0, 1.0, 2.0]}
    cycle = pd.DataFrame([band | {"phase_min": begun, "phase_max": begun + 5.0} for begun in (0.0, 5.0)])
    figures = [plots.rhythm(cycle), plots.rhythm(cycle.head(1))]
    assert [figure.axes[0].get_xlabel() for figure in figures] == [
        "second of the cycle",
        "start so many seconds later",
    ]
    for figure in figures:
        plt.close(figure)


@pytest.mark.slow
def test_the_frontier_names_the_contenders_on_it() -> None:
    standings = pd.DataFrame(
        {
            "contender": ["T", "policy", "polling"],
            "missed_share": [0.01, 0.02, 0.4],
            "cost_per_event": [0.02, 0.019, 0.03],
        }
    )
    figure = plots.frontier([Point(1.0, 0.0, 0.02), Point(0.1, 0.05, 0.018)], standings)
    assert [text.get_text() for text in figure.axes[0].texts] == ["T", "policy"]
    plt.close(figure)


def board() -> pd.DataFrame:
    known = BATCHES.assign(predicted_seconds=1.0, predicted_p90_seconds=1.5, predicted_cost=0.2)
    return scoreboard.windows(known)


def test_the_headline_shows_small_and_large_backlogs(table: pd.DataFrame) -> None:
    columns, rows = summary.headline(table, rows=12)
    assert len(columns) == len(rows[0])
    assert [row[0] for row in rows][:2] == ["1", "1"]
    assert rows[-1][0] == "40 and more"
    _, rows = summary.headline(table.assign(backlog_max=table["backlog_max"].clip(upper=103)), rows=12)
    assert rows[-1][0] == "40–103"


def test_the_facts_name_cost_and_misses_together() -> None:
    standing = {"cost_per_event": 0.0151, "missed_share": 0.004, "against_hindsight": 1.013}
    metrics = {"seconds_loss": 0.1, "n": 400, "r2": 0.95, "above_p90": 0.1}
    metrics |= {"contenders": [{"contender": name, **standing} for name in ("policy", "T", "polling")]}
    told = summary.facts(metrics)
    assert "R² of processing seconds 0.950" in told
    assert "policy 0.0151 per event at 0.4% misses, 1.013 of hindsight" in told


def test_a_version_without_evaluation_says_so() -> None:
    assert summary.facts({}) == "This version has not been evaluated on later batches yet."

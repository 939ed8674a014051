"""The next run learns from what workers measured, and judges the policy by it."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

from almanac.store.connections.database import Database
from almanac.store.schema import workload_sql
from almanac.workloads.events import features, model
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.policy.sizing import FixedSizing, PublishedSizing
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.statements import ClaimedEvent
from almanac.workloads.events.replays import scoreboard
from almanac.workloads.events.sources import measurements
from tests.events.event_driver import Bench, events
from tests.policies import STATE, release_policy

SECONDS = 0.004
# Each event is a batch that starts at once, for which half a millisecond is predicted.
TOO_QUICK = STATE | {
    "batch_size": 1,
    "wait_seconds": 0.0,
    "start_age_seconds": 0.0,
    "expected_seconds": 0.0005,
    "p90_seconds": 0.0006,
    "expected_cost": 0.105,
    "expected_cost_per_event": 0.105,
}
NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "events"
ADVICE = "retrain advised: in the last 3 windows"


def cells(notebook: str) -> list[str]:
    content = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text())
    return ["".join(cell["source"]) for cell in content["cells"]]


def reported(notebook: str, **variables: object) -> str:
    """Run the cell of a notebook that reports advice, with the variables of the cells before it.

    Return the advice.
    """
    (source,) = [cell for cell in cells(notebook) if "step.report(advice=" in cell]
    step = Mock()
    modules = {"scoreboard": scoreboard, "features": features, "plots": Mock()}
    exec(source, {"step": step, **modules, **variables})
    return str(step.report.call_args.kwargs["advice"])


def slowly(connection: Connection, batch: Sequence[ClaimedEvent]) -> None:
    time.sleep(SECONDS)
    statements.roll_up(connection, batch)


@pytest.fixture
def history(database_url: str, owner: Database) -> pd.DataFrame:
    """The batches of a worker that took longer than its policy predicted."""
    bench = Bench(database_url)
    release_policy(owner, [TOO_QUICK])
    bench.send(*events(160))
    sizing = PublishedSizing(FixedSizing(50, 2.0, "default"), Goal(2.0, 0.01))
    assert bench.drain(sizing, work=slowly).batches == {"published": 160}
    return measurements.batches(partial(workload_sql.newest_rows, owner, "events"))


@pytest.mark.slow
def test_a_run_advises_training_when_workers_measure_more_than_the_policy_predicted(
    history: pd.DataFrame,
) -> None:
    batches = features.build(history)
    board = scoreboard.of(batches)
    assert board.windows["batches"].tolist() == [50, 50, 50]
    assert not board.windows["inside_band"].any()
    assert str(board.advice).startswith(ADVICE)
    assert reported("1_collect", history=history).startswith(ADVICE)
    assert reported("4_predict", frame=batches).startswith(ADVICE)


@pytest.mark.slow
def test_a_model_of_measured_batches_predicts_what_they_took(history: pd.DataFrame) -> None:
    batches = features.build(history)
    assert len(batches) == 160
    predicted = model.fit(model.make("linear", seed=1), batches).predict(batches[features.FEATURES])
    assert (predicted[:, 0] >= SECONDS).all()

"""The loop closes: what workers measured is what the next run learns from and judges the policy by."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from almanac.store.connections.database import Database
from almanac.store.schema import workload_sql
from almanac.workloads.events import features, model
from almanac.workloads.events.policy.sizing import Fixed, Published
from almanac.workloads.events.policy.start import Goal
from almanac.workloads.events.queue import statements
from almanac.workloads.events.replays import scoreboard
from almanac.workloads.events.sources import measured
from tests.events.event_driver import Bench, events
from tests.policies import release_policy

SECONDS = 0.004
STATE = {
    "state_id": "b00-a00-k00-h00", "backlog_min": 1, "backlog_max": 1_000_000, "age_min_seconds": 0.0, "age_max_seconds": 1e6, "kb_min": 0.0,
    "kb_max": 1e6, "hour_min": 0, "hour_max": 24, "batch_size": 1, "wait_seconds": 0.0, "start_age_seconds": 0.0, "latest_age_seconds": 2.0,
    "patience_seconds": 8.0, "expected_cost": 0.105, "expected_cost_per_event": 0.105, "objective_seconds": 2.0, "reason": "Made up.",
}  # fmt: skip


NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "events"


def reported(notebook: str, **known: object) -> str:
    """Run the cell of a notebook that reports advice, given what the cells before it have made, and return what the run's record then says."""
    cells = [
        "".join(cell["source"]) for cell in json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text())["cells"]
    ]
    (source,) = [cell for cell in cells if "step.report(advice=" in cell]
    step = Mock()
    exec(source, {"step": step, "scoreboard": scoreboard, "features": features, "plots": Mock(), **known})
    return str(step.report.call_args.kwargs["advice"])


def slowly(connection: statements.Connection, batch: Sequence[statements.Event]) -> None:
    time.sleep(SECONDS)
    statements.roll_up(connection, batch)


@pytest.mark.slow
def test_a_run_is_advised_when_workers_leave_what_was_published_and_learns_what_they_measured(
    database_url: str, owner: Database
) -> None:
    bench = Bench(database_url)
    # Half a millisecond is promised, and no batch takes less than four.
    release_policy(owner, [STATE | {"expected_seconds": 0.0005, "p90_seconds": 0.0006}])
    bench.send(*events(160))
    assert bench.drain(Published(Fixed(50, 2.0, "default"), Goal(2.0, 0.01)), work=slowly).batches == {
        "published": 160
    }
    history = measured.batches(partial(workload_sql.newest_rows, owner, "events"))
    batches = features.build(history)
    assert len(batches) == 160
    board = scoreboard.windows(batches)
    assert board["batches"].tolist() == [50, 50, 50]
    assert not board["inside_band"].any()
    for advice in (
        scoreboard.advice(board),
        reported("1_collect", history=history),
        reported("4_predict", frame=batches),
    ):
        assert str(advice).startswith("retrain advised: in the last 3 windows")
    learned = model.fit(model.make("linear", seed=1), batches).predict(batches[features.FEATURES])
    assert (learned[:, 0] >= SECONDS).all()

"""Publishes a policy for events from the rows of a test."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import runs
from almanac.workloads.events.contract import CONTRACT

# The facts of a run that publishes a policy, beside its rows and their hash.
FACTS = {"data_as_of": date(2026, 11, 22), "source": "tests", "model_version": 3}
# One state for all queues; tests change some of its members.
STATE = {
    "state_id": "b00-a00-k00-h00",
    "backlog_min": 1,
    "backlog_max": 1_000_000,
    "age_min_seconds": 0.0,
    "age_max_seconds": 1e6,
    "kb_min": 0.0,
    "kb_max": 1e6,
    "hour_min": 0,
    "hour_max": 24,
    "batch_size": 100,
    "wait_seconds": 1.5,
    "start_age_seconds": 1.5,
    "latest_age_seconds": 2.0,
    "patience_seconds": 8.0,
    "expected_seconds": 0.5,
    "p90_seconds": 0.5,
    "expected_cost": 0.3,
    "expected_cost_per_event": 0.01,
    "objective_seconds": 2.0,
    "reason": "Made up.",
}


def release_policy(
    owner: Database, states: Sequence[dict[str, Any]], rhythm: pd.DataFrame | None = None
) -> str:
    """Publish a policy of these states, with a rhythm of arrivals if there is one; return the run's id."""
    request = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "tester")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, request)
    assert run_id is not None
    staged = staging.stage(owner, CONTRACT, run_id, _content(states, rhythm))
    update = runs.RunUpdate(**FACTS, rows=staged.rows, prediction_hash=staged.prediction_hash)
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, update, "test"))
    return run_id


def _content(states: Sequence[dict[str, Any]], rhythm: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Return the tables of a release; without rows for side tables."""
    content = {
        table.name: pd.DataFrame(columns=table.column_names, dtype=object) for table in CONTRACT.side_tables
    }
    if rhythm is not None:
        content["rhythm"] = rhythm
    content["predictions"] = pd.DataFrame(states, columns=CONTRACT.predictions.column_names)
    return content

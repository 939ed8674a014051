"""Publishes a policy for events that a test has made up."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import runs
from almanac.workloads.events.contract import CONTRACT


def release_policy(
    owner: Database, states: Sequence[dict[str, Any]], rhythm: pd.DataFrame | None = None
) -> str:
    """Publish a policy of these states, and of a rhythm of arrivals where one is given, and return the run's id."""
    opening = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "tester")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, opening)
    assert run_id is not None
    content = {
        table.name: pd.DataFrame(columns=table.column_names, dtype=object) for table in CONTRACT.side_tables
    }
    content |= {} if rhythm is None else {"rhythm": rhythm}
    content["predictions"] = pd.DataFrame(states, columns=CONTRACT.predictions.column_names)
    staged = staging.stage(owner, CONTRACT, run_id, content)
    known = {
        "data_as_of": date(2026, 11, 22),
        "source": "tests",
        "model_version": 3,
        "rows": staged.rows,
        "prediction_hash": staged.prediction_hash,
    }
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, runs.RunUpdate(**known), "test"))
    return run_id

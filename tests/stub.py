"""A small workload without notebooks, and a way to publish runs of it in one line."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from almanac.contract import Column, Contract, Filter, SumRule, Table
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import runs

STUB = Contract(
    name="stub",
    title="Stub",
    doc="A workload for tests.",
    predictions=Table(
        name="predictions",
        key=("item",),
        doc="One item.",
        columns=(
            Column(name="item", type="text", doc="Which item."),
            Column(name="day", type="date", doc="Which day."),
            Column(name="up", type="real", minimum=0.0, maximum=1.0, doc="Chance of up."),
            Column(name="down", type="real", minimum=0.0, maximum=1.0, doc="Chance of down."),
            Column(name="word", type="text", doc="A word."),
            Column(name="extra", type="json", nullable=True, doc="More."),
        ),
    ),
    order=("day",),
    filters=(
        Filter(name="from", column="day", op="min"),
        Filter(name="word", column="word", op="in"),
        Filter(name="min_up", column="up", op="min"),
    ),
    sums=(SumRule(columns=("up", "down")),),
    side_tables=(
        Table(
            name="totals",
            key=("name",),
            columns=(Column(name="name", type="text"), Column(name="value", type="integer", minimum=0)),
        ),
    ),
    raw_tables=(
        Table(
            name="facts",
            key=("item",),
            columns=(
                Column(name="item", type="text"),
                Column(name="value", type="integer", nullable=True),
                Column(name="source", type="text"),
            ),
        ),
    ),
    primary_metric="log_loss",
)


def content(rows: int = 10, *, word: str = "first") -> dict[str, pd.DataFrame]:
    """Return frames for every released table of the stub; each row has `word`, which tells runs apart."""
    up = np.linspace(0.0, 1.0, rows).round(6)
    predictions = pd.DataFrame(
        {
            "item": [f"item-{number:07d}" for number in range(rows)],
            "day": pd.Timestamp("2025-04-15") + pd.to_timedelta(np.arange(rows) % 7, unit="D"),
            "up": up,
            "down": 1.0 - up,
            "word": word,
            "extra": None,
        }
    )
    return {"predictions": predictions, "totals": pd.DataFrame({"name": ["rows"], "value": [rows]})}


def begin(owner: Database, *, slot: datetime | None = None, sample: str = "full", kind: str = "run") -> str:
    """Start a run of the stub and return its id."""
    opening = runs.NewRun(STUB.name, slot or datetime.now(UTC), ("predict",), sample, "tester", kind=kind)
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, opening)
    assert run_id is not None, "the slot is taken"
    return run_id


def update_for(
    staged: staging.Staged, *, version: int = 1, demo: bool = False, simulated: bool = False
) -> runs.RunUpdate:
    """Return the update of the record of a run that has staged its predictions."""
    day = datetime(2025, 4, 15, tzinfo=UTC).date()
    return runs.RunUpdate(
        data_as_of=day,
        demo=demo,
        simulated=simulated,
        source="tests",
        model_version=version,
        prediction_hash=staged.prediction_hash,
        rows=staged.rows,
    )


def release(
    owner: Database,
    frames: dict[str, pd.DataFrame] | None = None,
    *,
    version: int = 1,
    why: str | None = "test",
) -> str:
    """Stage and publish one run of the stub and return its id."""
    run_id = begin(owner)
    staged = staging.stage(Database(owner.url, "worker"), STUB, run_id, frames or content())
    publish.publish(owner, publish.PublishRequest(STUB, run_id, update_for(staged, version=version), why))
    return run_id

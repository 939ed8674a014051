"""Stores made-up log entries and publishes made-up predictions of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from almanac.runner import upkeep
from almanac.store.connections.database import Database
from almanac.store.publishing import publish
from almanac.store.publishing.incremental import increments
from almanac.store.records import runs
from almanac.store.rows import binary_copy
from almanac.workloads.logs import contract, entries
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.formats import SCHEMA
from almanac.workloads.logs.shared import masking

BEGIN = datetime(2025, 4, 15, 6, tzinfo=UTC)
LEVELS = ("info", "warning", "error")
SEVERITIES = ("low", "medium", "critical")


def written(
    texts: Sequence[str], *, source: str = "broker", begin: datetime = BEGIN, session: str | None = None
) -> pa.Table:
    """Return entries as a parser yields them, one a minute."""
    size = range(len(texts))
    rows = [
        {"place": number + 1, "client_id": None, "source": source, "session": session, "event_time": begin + timedelta(minutes=number),
         "level": "WARN", "logger": "kafka.server", "text": texts[number], "raw": False}
        for number in size
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def store(owner: Database, table: pa.Table) -> entries.Stored:
    """Store entries as a worker does."""
    with Database(owner.url, "worker").connect() as connection:
        return entries.store(connection, table, entries.Load(binary_copy.encode))


def judged(batches: Sequence[pa.Table], *, version: int) -> dict[str, pd.DataFrame]:
    """Return the frames of a run: levels go round by number, every third entry is an error and an anomaly."""
    found = (
        pa.concat_tables(batches).to_pandas()
        if batches
        else pd.DataFrame(columns=list(CONTRACT.entry_columns))
    )
    turn = [int(number) % 3 for number in found["entry_id"]]
    masked = [masking.mask(text) for text in found["text"]]
    frame = pd.DataFrame(
        {
            "entry_id": found["entry_id"].astype("int64"),
            "event_time": pd.to_datetime(found["event_time"], utc=True),
            "source": found["source"],
            "level": [LEVELS[part] for part in turn],
            "level_confidence": 0.75 if version == 1 else 0.5,
            "warning_chance": [0.25, 0.75, 0.875][0],
            "anomaly": [part == 2 for part in turn],
            "anomaly_score": [0.25 + 0.25 * part for part in turn],
            "anomaly_kind": ["rare" if part == 2 else None for part in turn],
            "severity": [SEVERITIES[part] for part in turn],
            "template_id": [masking.text_id(text) for text in masked],
            "model_version": version,
            "predicted_at": BEGIN,
        }
    )
    return {"predictions": frame} | _completed(
        _sides(frame.assign(template=masked, session=list(found["session"])))
    )


def _completed(sides: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Fill what these tests do not ask about."""
    for table in CONTRACT.side_tables:
        for column in table.columns:
            if column.name not in sides[table.name]:
                sides[table.name][column.name] = [{} if column.type == "json" else 0] * len(sides[table.name])
    return sides


def _sides(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    counts: dict[str, Any] = {"entries": ("entry_id", "size"), "anomalies": ("anomaly", "sum")}
    seen = {"first_seen": ("event_time", "min"), "last_seen": ("event_time", "max")}
    judgement = {name: (name, "last") for name in ("level", "level_confidence", "warning_chance")}
    keyed = frame.assign(five=frame["event_time"].dt.floor("5min"), hour=frame["event_time"].dt.floor("h"))
    return {
        "blocks": _blocks(frame),
        "templates": keyed.groupby("template_id", as_index=False).agg(template=("template", "last"), **judgement, **counts, **seen),
        "usage": keyed.groupby(["source", "template_id"], as_index=False).agg(**counts, buckets=("five", "nunique"), **seen),
        "texts": keyed.groupby("template_id", as_index=False).agg(**judgement).assign(text_id=lambda rows: rows["template_id"]),
        "rollups": keyed.groupby(["five", "source", "level", "severity"], as_index=False).agg(**counts).rename(columns={"five": "bucket"}),
        "hours": keyed.groupby(["hour", "source", "level", "severity"], as_index=False).agg(**counts).rename(columns={"hour": "bucket"}),
        "template_hours": keyed.groupby(["hour", "source", "template_id"], as_index=False).agg(**counts).rename(columns={"hour": "bucket"}),
        "sessions": keyed.groupby(["source", "session"], as_index=False).agg(
            started_at=("event_time", "min"), ended_at=("event_time", "max"), entries=("entry_id", "size"), anomaly=("anomaly", "max"),
            anomaly_score=("anomaly_score", "max"), severity=("severity", "last"),
        ).assign(reasons=lambda rows: [["made up"]] * len(rows)),
    }  # fmt: skip


def _blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a block for each entry, of that entry alone."""
    letters = [
        " " * (number % contract.BLOCK)
        + contract.letter(
            contract.LEVELS.index(level), contract.SEVERITIES.index(severity), anomaly=bool(anomaly)
        )
        for number, level, severity, anomaly in zip(
            frame["entry_id"], frame["level"], frame["severity"], frame["anomaly"], strict=True
        )
    ]
    return pd.DataFrame(
        {"block": frame["entry_id"] // contract.BLOCK, "first_entry": frame["entry_id"], "letters": letters}
    )


def publish_logs(owner: Database, *, version: int = 1, why: str | None = "test", tend: bool = True) -> str:
    """Predict what a version lacks, publish it as the runner does and return the run's id."""
    opening = runs.NewRun(
        "logs", datetime.now(UTC), ("predict",), "full", "tester", kind="run" if why else "shadow"
    )
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, opening)
    assert run_id, "the slot is taken"
    worker = Database(owner.url, "worker")
    unscored = increments.unscored_entries(worker, CONTRACT, version)
    content = judged(list(unscored), version=version)
    staged = increments.stage(
        worker, CONTRACT, run_id, content, scored=increments.ScoredEntries(version, unscored)
    )
    worker.engine.dispose()
    known = staged.summary()
    told = {name: known[name] for name in ("rows", "prediction_hash", "covered_until", "input_hash")}
    facts = runs.RunUpdate(
        data_as_of=BEGIN.date(), demo=False, simulated=False, source="tests", model_version=version, **told
    )
    upkeep.prepare(owner, CONTRACT, known["covered_until"])
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, facts, why, tuple(known["absorbed"])))
    if tend:
        upkeep.tend(owner, CONTRACT)
    return run_id

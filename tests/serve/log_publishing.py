"""Stores made-up log entries and publishes made-up predictions of them."""

from collections.abc import Mapping, Sequence
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
ENTRY = {"client_id": None, "level": "WARN", "logger": "kafka.server", "raw": False}
VERDICT = ["level", "severity", "anomaly", "anomaly_score", "anomaly_kind"]
# By the number of an entry modulo 3.
VERDICTS = (
    ("info", "low", False, 0.25, None),
    ("warning", "medium", False, 0.5, None),
    ("error", "critical", True, 0.75, "rare"),
)
WRITTEN = {"written": ("written", "sum"), "differing": ("differing", "sum")}
COUNTS = {"entries": ("entry_id", "size"), "anomalies": ("anomaly", "sum")}
SEEN = {"first_seen": ("event_time", "min"), "last_seen": ("event_time", "max")}
LEVEL = {name: (name, "last") for name in ("level", "level_confidence", "warning_chance")}
SESSION = {
    "started_at": ("event_time", "min"),
    "ended_at": ("event_time", "max"),
    "entries": ("entry_id", "size"),
    "anomaly": ("anomaly", "max"),
    "anomaly_score": ("anomaly_score", "max"),
    "severity": ("severity", "last"),
}
# How each side table comes from predictions: the columns that group them, and the aggregates.
GROUPS: Mapping[str, tuple[list[str], dict[str, Any]]] = {
    "templates": (["template_id"], {"template": ("template", "last"), **LEVEL, **COUNTS, **SEEN}),
    "usage": (["source", "template_id"], {**COUNTS, "buckets": ("five", "nunique"), **SEEN}),
    "texts": (["text_id"], {"template_id": ("template_id", "last"), **LEVEL}),
    "rollups": (["five", "source", "level", "severity"], COUNTS | WRITTEN),
    "hours": (["hour", "source", "level", "severity"], COUNTS | WRITTEN),
    "template_hours": (["hour", "source", "template_id"], COUNTS),
    "sessions": (["source", "session"], SESSION),
}
BUCKETS = {"five": "bucket", "hour": "bucket"}
FACTS = ("rows", "prediction_hash", "covered_until", "input_hash")


def written(
    texts: Sequence[str], *, source: str = "broker", begin: datetime = BEGIN, session: str | None = None
) -> pa.Table:
    """Return entries as a parser yields them, one a minute."""
    rows = []
    for place, text in enumerate(texts, start=1):
        event_time = begin + timedelta(minutes=place - 1)
        row = {"place": place, "source": source, "session": session, "event_time": event_time, "text": text}
        rows.append(ENTRY | row)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def recent(texts: Sequence[str], *, session: str | None = None, source: str = "broker") -> pa.Table:
    """Return entries of the last minutes."""
    begin = datetime.now(UTC) - timedelta(minutes=len(texts))
    return written(texts, begin=begin, session=session, source=source)


def store(owner: Database, table: pa.Table) -> entries.Stored:
    """Store entries as a worker does."""
    with Database(owner.url, "worker").connect() as connection:
        return entries.store(connection, table, entries.Load(binary_copy.encode))


def publish_logs(owner: Database, *, version: int = 1, why: str | None = "test", tend: bool = True) -> str:
    """Predict what a version lacks, publish it as the runner does and return the run's id."""
    run_id = _start(owner, kind="run" if why else "shadow")
    staged = _stage(owner, run_id, version)
    upkeep.prepare(owner, CONTRACT, staged["covered_until"])
    facts = runs.RunUpdate(
        data_as_of=BEGIN.date(),
        demo=False,
        simulated=False,
        source="tests",
        model_version=version,
        **{name: staged[name] for name in FACTS},
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, facts, why, tuple(staged["absorbed"])))
    if tend:
        upkeep.tend(owner, CONTRACT)
    return run_id


def _start(owner: Database, *, kind: str) -> str:
    new = runs.NewRun("logs", datetime.now(UTC), ("predict",), "full", "tester", kind=kind)
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, new)
    assert run_id, "the slot is taken"
    return run_id


def _stage(owner: Database, run_id: str, version: int) -> dict[str, Any]:
    """Stage the predictions of all entries that a version lacks, and return what the predict step reports."""
    worker = Database(owner.url, "worker")
    unscored = increments.unscored_entries(worker, CONTRACT, version)
    frames = _frames(list(unscored), version=version)
    scored = increments.ScoredEntries(version, unscored)
    staged = increments.stage(worker, CONTRACT, run_id, frames, scored=scored)
    worker.engine.dispose()
    return staged.summary()


def _frames(batches: Sequence[pa.Table], *, version: int) -> dict[str, pd.DataFrame]:
    rows = pd.DataFrame(columns=list(CONTRACT.entry_columns))
    if batches:
        rows = pa.concat_tables(batches).to_pandas()
    masked = [masking.mask(text) for text in rows["text"]]
    predictions = _predictions(rows, version=version).assign(template_id=list(map(masking.text_id, masked)))
    sessions = predictions.assign(template=masked, session=list(rows["session"]))
    return {"predictions": predictions, **_side_tables(sessions), "blocks": _blocks(predictions)}


def _predictions(rows: pd.DataFrame, *, version: int) -> pd.DataFrame:
    """Return predictions without templates: by number, every third entry is an error and an anomaly."""
    verdicts = pd.DataFrame([VERDICTS[number % 3] for number in rows["entry_id"]], columns=VERDICT)
    return verdicts.assign(
        entry_id=rows["entry_id"].astype("int64"),
        event_time=pd.to_datetime(rows["event_time"], utc=True),
        source=rows["source"],
        level_confidence=0.75 if version == 1 else 0.5,
        warning_chance=0.25,
        written_level="warning",
        model_version=version,
        predicted_at=BEGIN,
    )


def _side_tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    moments = predictions["event_time"].dt
    rows = predictions.assign(five=moments.floor("5min"), hour=moments.floor("h"))
    rows["text_id"] = rows["template_id"]
    rows = rows.assign(written=True, differing=rows["level"] != rows["written_level"])
    tables = {name: _grouped(rows, *group) for name, group in GROUPS.items()}
    sessions = tables["sessions"]
    sessions["reasons"], sessions["texts"] = [["made up"]] * len(sessions), [{}] * len(sessions)
    return tables


def _grouped(rows: pd.DataFrame, keys: list[str], aggregates: Mapping[str, Any]) -> pd.DataFrame:
    return rows.groupby(keys, as_index=False).agg(**aggregates).rename(columns=BUCKETS)


def _blocks(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a block for each entry, of that entry alone."""
    numbers = predictions["entry_id"]
    letters = [_letters(row) for row in predictions.itertuples()]
    return pd.DataFrame({"block": numbers // contract.BLOCK, "first_entry": numbers, "letters": letters})


def _letters(row: Any) -> str:
    level, severity = contract.LEVELS.index(row.level), contract.SEVERITIES.index(row.severity)
    letter = contract.letter(level, severity, anomaly=bool(row.anomaly))
    return " " * (row.entry_id % contract.BLOCK) + letter

"""The columns of an entry in an answer: as OpenAPI documents them, and as SQL selects them."""

from collections.abc import Sequence
from typing import Final

from psycopg import sql

from almanac.contract import Column
from almanac.workloads.logs.contract import CONTRACT

# Lists cut texts at so many characters.
MOST_CHARACTERS = 2_000
WRITTEN = (
    Column(name="entry_id", type="bigint", doc="Number of the entry in the store."),
    Column(name="client_id", type="text", nullable=True, doc="The id that the client gave."),
    Column(name="event_time", type="timestamp", doc="When it was written."),
    Column(name="received_at", type="timestamp", doc="When it was stored."),
    Column(name="source", type="text", doc="Where it came from."),
    Column(name="session", type="text", nullable=True, doc="Its session."),
    Column(name="logger", type="text", nullable=True, doc="The logger that wrote it."),
    Column(
        name="author_level", type="text", nullable=True, doc="The word that its author wrote for the level."
    ),
    Column(name="text", type="text", doc="The text; in lists at most 2,000 characters. Never HTML."),
)
PREDICTED = (
    "level",
    "level_confidence",
    "warning_chance",
    "anomaly",
    "anomaly_score",
    "anomaly_kind",
    "severity",
    "template_id",
    "written_level",
)
# No run has predicted an entry that has just come in.
ROW = (
    *WRITTEN,
    *(CONTRACT.predictions.column(name).model_copy(update={"nullable": True}) for name in PREDICTED),
    Column(name="is_future", type="boolean", doc="Whether its time lies after it was stored: a wrong clock."),
)
NAMES: Final = tuple(column.name for column in ROW)
EXAMPLE = {
    "entry_id": 1204,
    "client_id": "node-7/000123",
    "event_time": "2025-04-15T06:00:00+00:00",
    "received_at": "2025-04-15T06:00:01+00:00",
    "source": "broker",
    "session": "req-81",
    "logger": "kafka.server",
    "author_level": "WARN",
    "text": "Connection to node 7 was broken",
    "level": "warning",
    "level_confidence": 0.91,
    "warning_chance": 0.97,
    "anomaly": True,
    "anomaly_score": 0.83,
    "anomaly_kind": "rare",
    "severity": "high",
    "template_id": "3ab8a8b5cd15",
    "written_level": "warning",
    "is_future": False,
}
# Every written column of entries `e` but the text, which lists cut.
ENTRY_SQL = """\
e.entry_id, e.client_id, e.event_time, e.received_at, e.source, e.session, e.logger,
    e.level AS author_level, e.event_time > e.received_at + interval '5 minutes' AS is_future"""
PREDICTION_SQL = ", ".join(f"p.{name}" for name in PREDICTED)
# Entries `e` with their predictions `p`, if any. The limit makes PostgreSQL look up each by its key.
JOIN_PREDICTIONS = """
LEFT JOIN LATERAL (
    SELECT * FROM api.logs_predictions WHERE entry_id = e.entry_id AND run_id IN ({runs}) LIMIT 1
) AS p ON true"""


def runs(run_ids: Sequence[str]) -> sql.Composable:
    """Return a list of run ids for IN."""
    literals = list(map(sql.Literal, run_ids)) or [sql.Literal("")]
    return sql.SQL(", ").join(literals)

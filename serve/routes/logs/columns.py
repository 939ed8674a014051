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
    Column(name="author_level", type="text", nullable=True, doc="The level that its author gave it."),
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
)
# No run has predicted an entry that has just come in.
ROW = (
    *WRITTEN,
    *(CONTRACT.predictions.column(name).model_copy(update={"nullable": True}) for name in PREDICTED),
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
}
# Every written column but the text, which lists cut.
ENTRY_SQL: Final = sql.SQL(
    "e.entry_id, e.client_id, e.event_time, e.received_at, e.source, e.session, e.logger,"
    " e.level AS author_level"
)
PREDICTION = "SELECT * FROM api.logs_predictions WHERE entry_id = {} AND run_id IN ({}) LIMIT 1"


def predicted(alias: str) -> sql.Composed:
    """Return the columns that an answer has of predictions called `alias`."""
    table = sql.Identifier(alias)
    return sql.SQL(", ").join(sql.SQL("{}.{}").format(table, sql.Identifier(name)) for name in PREDICTED)


def prediction(entry_id: str, run_ids: Sequence[str]) -> sql.Composed:
    """Return the query for the prediction of one entry; its limit makes PostgreSQL look up each by its key."""
    return sql.SQL(PREDICTION).format(sql.SQL(entry_id), runs(run_ids))


def with_predictions(run_ids: Sequence[str]) -> sql.Composed:
    """Return the join of entries `e` with their predictions `p` by these runs, where there are any."""
    return sql.SQL(" LEFT JOIN LATERAL ({}) AS p ON true").format(prediction("e.entry_id", run_ids))


def runs(run_ids: Sequence[str]) -> sql.Composable:
    """Return a list of run ids for IN."""
    return sql.SQL(", ").join(map(sql.Literal, run_ids)) if run_ids else sql.Literal("")

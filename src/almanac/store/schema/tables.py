"""The platform's own tables, the same for every workload; Alembic creates them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from almanac.contract import Column
from almanac.run_columns import RUN_COLUMNS

SCHEMA = "almanac"
STAGING = "staging"
API = "api"

metadata = sa.MetaData(schema=SCHEMA)
Instant = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "real": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": Instant,
    "json": JSONB(),
}
RUN_DEFAULTS: dict[str, str | sa.TextClause] = {
    "kind": "run",
    "status": "running",
    "parameters": "{}",
    "demo": sa.text("false"),
    "simulated": sa.text("false"),
    "started_at": NOW,
}


def _run_column(column: Column) -> sa.Column[Any]:
    kind = ARRAY(sa.Text) if column.name == "steps" else TYPES[column.type]
    return sa.Column(
        column.name,
        kind,
        primary_key=column.name == "run_id",
        nullable=column.nullable,
        server_default=RUN_DEFAULTS.get(column.name),
    )


workloads = sa.Table(
    "workloads",
    metadata,
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("contract", JSONB, nullable=False),
    sa.Column("on_hold", sa.Boolean, nullable=False, server_default=sa.text("false")),
)

runs = sa.Table(
    "runs",
    metadata,
    *map(_run_column, RUN_COLUMNS),
    sa.CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="status_is_known"),
    sa.CheckConstraint("kind IN ('run', 'shadow')", name="kind_is_known"),
    sa.Index(
        "runs_one_per_slot",
        "workload",
        sa.text("coalesce(schedule, 'default')"),
        "slot",
        unique=True,
        postgresql_where=sa.text("kind = 'run' AND status IN ('running', 'succeeded')"),
    ),
    sa.Index("runs_newest", "workload", "started_at"),
)

IS_OPEN = sa.text("state IN ('waiting', 'running', 'retrying')")
schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("slot", Instant, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("not_before", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("run_id", sa.Text),
    sa.Column("code_hash", sa.Text),
    sa.Column("who", sa.Text),
    sa.Column("changed_at", Instant, nullable=False, server_default=NOW),
    sa.CheckConstraint(
        "state IN ('waiting', 'running', 'retrying', 'succeeded', 'failed', 'missed')", name="state_is_known"
    ),
    sa.Index("schedules_open", "slot", postgresql_where=IS_OPEN),
    sa.Index("schedules_changed", "changed_at"),
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey(runs.c.run_id), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False, server_default="running"),
    sa.Column("reason", sa.Text),
    sa.Column("results", JSONB, nullable=False, server_default="{}"),
    sa.Column("reported", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("notebook_uri", sa.Text),
    sa.Column("notebook_hash", sa.Text),
    sa.Column("started_at", Instant, nullable=False, server_default=NOW),
    sa.Column("seconds", sa.Double),
    sa.Column("cell_seconds", sa.Double),
    sa.Column("cpu_seconds", sa.Double),
    sa.Column("peak_memory_mb", sa.Double),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Text),
    sa.Column("mlflow_run_id", sa.Text, nullable=False),
    sa.Column("artifact_hash", sa.Text, nullable=False),
    sa.Column("data_hash", sa.Text, nullable=False),
    sa.Column("recipe_hash", sa.Text, nullable=False),
    sa.Column("trained_until", sa.Date, nullable=False),
    sa.Column("newest_data", sa.Date),
    sa.Column("parameters", JSONB, nullable=False, server_default="{}"),
    sa.Column("metrics", JSONB, nullable=False, server_default="{}"),
    sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("created_at", Instant, nullable=False, server_default=NOW),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("challenger", sa.Integer),
    sa.Column("champion", sa.Integer),
    sa.Column("promoted", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", JSONB, nullable=False, server_default="{}"),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=False, server_default=NOW),
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("release_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, sa.ForeignKey(runs.c.run_id), nullable=False),
    sa.Column("run_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("model_version", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("previous_release_id", sa.BigInteger),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("run_hash", sa.Text, nullable=False),
    sa.Column("released_at", Instant, nullable=False),
    sa.Column("release_hash", sa.Text, nullable=False),
    sa.CheckConstraint("kind IN ('publish', 'rollback', 'promote')", name="kind_is_known"),
    sa.Index("releases_newest", "workload", "release_id"),
)

raw_changes = sa.Table(
    "raw_changes",
    metadata,
    sa.Column("change_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("key", JSONB, nullable=False),
    sa.Column("before", JSONB, nullable=False),
    sa.Column("after", JSONB, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("changed_at", Instant, nullable=False, server_default=NOW),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("erasure_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("prediction_hash", sa.Text),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("erased_at", Instant, nullable=False, server_default=NOW),
)

run_inputs = sa.Table(
    "run_inputs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("covered_until", sa.BigInteger, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("kept_at", Instant, nullable=False, server_default=NOW),
)

notebooks_html = sa.Table(
    "notebooks_html",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey(runs.c.run_id), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("workload", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("html_bytes", sa.Integer, nullable=False),
    sa.Column("stored_at", Instant, nullable=False, server_default=NOW),
)

installation = sa.Table("installation", metadata, sa.Column("id", sa.Text, primary_key=True))

workload_migrations = sa.Table(
    "workload_migrations",
    metadata,
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("applied_at", Instant, nullable=False, server_default=NOW),
)

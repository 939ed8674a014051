"""The platform's tables, the views of readers, and who may do what."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    """Create everything the platform itself needs."""
    create_workloads()
    create_runs()
    create_run_steps()
    create_model_versions()
    create_decisions()
    create_releases()
    create_raw_changes()
    op.execute(Path(__file__).with_name("0001_views.sql").read_text())


def downgrade() -> None:
    """Refuse: the ledger is kept for ever."""
    raise NotImplementedError(
        "The first migration is not undone; drop the schemas almanac, staging and api by hand."
    )


def create_workloads() -> None:
    """Workloads: the contract that was made, and whether a rollback holds it."""
    op.create_table(
        "workloads",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("contract", JSONB(), nullable=False),
        sa.Column("on_hold", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("workload"),
        schema="almanac",
    )


def create_runs() -> None:
    """Runs: at most one that runs or has succeeded for each slot of a workload."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="run", nullable=False),
        sa.Column("slot", INSTANT, nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("parent_run_id", sa.Text()),
        sa.Column("steps", ARRAY(sa.Text()), nullable=False),
        sa.Column("parameters", JSONB(), server_default="{}", nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        *origin(),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("seconds", sa.Double()),
        sa.Column("cpu_seconds", sa.Double()),
        sa.Column("peak_memory_mb", sa.Double()),
        sa.Column("pruned_at", INSTANT),
        sa.CheckConstraint("kind IN ('run', 'shadow')", name="kind_is_known"),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="status_is_known"),
        sa.PrimaryKeyConstraint("run_id"),
        schema="almanac",
    )
    op.create_index("runs_newest", "runs", ["workload", "started_at"], unique=False, schema="almanac")
    op.create_index(
        "runs_one_per_slot",
        "runs",
        ["workload", "slot"],
        unique=True,
        schema="almanac",
        postgresql_where=sa.text("kind = 'run' AND status IN ('running', 'succeeded')"),
    )


def origin() -> list[sa.Column[Any]]:
    """Return the columns that say what a run was made from and what it made."""
    return [
        sa.Column("data_as_of", sa.Date()),
        sa.Column("demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("git_commit", sa.Text()),
        sa.Column("code_hash", sa.Text()),
        sa.Column("lock_hash", sa.Text()),
        sa.Column("python", sa.Text()),
        sa.Column("data_hash", sa.Text()),
        sa.Column("input_hash", sa.Text()),
        sa.Column("model_version", sa.Integer()),
        sa.Column("model_hash", sa.Text()),
        sa.Column("prediction_hash", sa.Text()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("mlflow_run_id", sa.Text()),
    ]


def create_run_steps() -> None:
    """The steps of each run."""
    op.create_table(
        "run_steps",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("results", JSONB(), server_default="{}", nullable=False),
        sa.Column("reported", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("notebook_uri", sa.Text()),
        sa.Column("notebook_hash", sa.Text()),
        sa.Column("started_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("seconds", sa.Double()),
        sa.Column("cell_seconds", sa.Double()),
        sa.Column("cpu_seconds", sa.Double()),
        sa.Column("peak_memory_mb", sa.Double()),
        sa.ForeignKeyConstraint(["run_id"], ["almanac.runs.run_id"]),
        sa.PrimaryKeyConstraint("run_id", "step"),
        schema="almanac",
    )


def create_model_versions() -> None:
    """What each model version was made from."""
    op.create_table(
        "model_versions",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("mlflow_run_id", sa.Text(), nullable=False),
        sa.Column("artifact_hash", sa.Text(), nullable=False),
        sa.Column("data_hash", sa.Text(), nullable=False),
        sa.Column("recipe_hash", sa.Text(), nullable=False),
        sa.Column("trained_until", sa.Date(), nullable=False),
        sa.Column("parameters", JSONB(), server_default="{}", nullable=False),
        sa.Column("metrics", JSONB(), server_default="{}", nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("workload", "version"),
        schema="almanac",
    )


def create_decisions() -> None:
    """Who became champion or did not."""
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("challenger", sa.Integer()),
        sa.Column("champion", sa.Integer()),
        sa.Column("promoted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), server_default="{}", nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("decided_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("decision_id"),
        schema="almanac",
    )


def create_releases() -> None:
    """The ledger."""
    op.create_table(
        "releases",
        sa.Column("release_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_ids", ARRAY(sa.Text()), nullable=False),
        sa.Column("model_version", sa.Integer()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("previous_release_id", sa.BigInteger()),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("run_hash", sa.Text(), nullable=False),
        sa.Column("released_at", INSTANT, nullable=False),
        sa.Column("release_hash", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('publish', 'rollback', 'promote')", name="kind_is_known"),
        sa.ForeignKeyConstraint(["run_id"], ["almanac.runs.run_id"]),
        sa.PrimaryKeyConstraint("release_id"),
        schema="almanac",
    )
    op.create_index("releases_newest", "releases", ["workload", "release_id"], unique=False, schema="almanac")


def create_raw_changes() -> None:
    """Corrections of raw tables."""
    op.create_table(
        "raw_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("key", JSONB(), nullable=False),
        sa.Column("before", JSONB(), nullable=False),
        sa.Column("after", JSONB(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("changed_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
        schema="almanac",
    )

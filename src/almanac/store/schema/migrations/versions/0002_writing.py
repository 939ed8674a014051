"""Tables and functions that workloads bring, and a role that may only call these functions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    """Remember which files of workloads were applied; only who has the right may call functions."""
    op.create_table(
        "workload_migrations",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("applied_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("workload", "name"),
        schema="almanac",
    )
    op.execute("GRANT SELECT ON almanac.workload_migrations TO almanac_worker")
    op.execute("GRANT USAGE ON SCHEMA api TO almanac_ingest")
    # PostgreSQL lets everybody execute a new function unless its maker's defaults say otherwise.
    op.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")


def downgrade() -> None:
    """Refuse: the files that were applied would be applied again."""
    raise NotImplementedError(
        "This migration is not undone; the tables that workloads brought would be without their record."
    )

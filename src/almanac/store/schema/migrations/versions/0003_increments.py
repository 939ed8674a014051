"""Incremental workloads: what a run covers, which run took over its rows, what was erased from it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns of increments, the notes of erasures, and the lock that numbers arriving entries."""
    op.add_column("runs", sa.Column("covered_until", sa.BigInteger()), schema="almanac")
    op.add_column("runs", sa.Column("absorbed_by", sa.Text()), schema="almanac")
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("prediction_hash", sa.Text()),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column(
            "erased_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("erasure_id"),
        schema="almanac",
    )
    op.execute(Path(__file__).with_name("0003_increments.sql").read_text())


def downgrade() -> None:
    """Refuse: releases name runs whose rows others have taken over."""
    raise NotImplementedError("This migration is not undone; releases rely on what it records.")

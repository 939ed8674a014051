"""What a run of an incremental workload knew beside its entries.

It is kept so that the predictions of the run can be made again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table; a worker may add to it, read it and stage again, and takes nothing away."""
    op.create_table(
        "run_inputs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("covered_until", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kept_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("run_id", "name"),
        schema="almanac",
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON almanac.run_inputs TO almanac_worker")


def downgrade() -> None:
    """Refuse: records of runs hold the hashes of what is kept here."""
    raise NotImplementedError("This migration is not undone; records of runs rely on it.")

"""Executed notebooks as compressed HTML, and notifications of runs, for the pages of the server."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table of notebooks with its view, and let changes of runs and holds be heard."""
    op.create_table(
        "notebooks_html",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("html_bytes", sa.Integer(), nullable=False),
        sa.Column(
            "stored_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["run_id"], ["almanac.runs.run_id"]),
        sa.PrimaryKeyConstraint("run_id", "step"),
        schema="almanac",
    )
    # The content is compressed already.
    op.execute("ALTER TABLE almanac.notebooks_html ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute(Path(__file__).with_name("0008_pages.sql").read_text())


def downgrade() -> None:
    """Refuse: the notebooks may exist nowhere else."""
    raise NotImplementedError("This migration is not undone; the notebooks may exist nowhere else.")

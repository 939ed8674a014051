"""Slots of schedules: which are due, who ran them, and which were missed; runs name their schedule."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table and the column; runs from before belong to the schedule `default`."""
    op.add_column("runs", sa.Column("schedule", sa.Text()), schema="almanac")
    op.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Refuse: runs of several schedules may share a slot."""
    raise NotImplementedError("This migration is not undone; runs of several schedules may share a slot.")

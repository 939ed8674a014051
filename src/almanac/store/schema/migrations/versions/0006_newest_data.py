"""The day of the newest datum of runs and model versions, beside their cut-offs."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, and show them in the views; what was recorded before has none."""
    for table in ("runs", "model_versions"):
        op.add_column(table, sa.Column("newest_data", sa.Date()), schema="almanac")
    op.execute(Path(__file__).with_name("0006_newest_data.sql").read_text())


def downgrade() -> None:
    """Refuse: hashes of releases count the day."""
    raise NotImplementedError("This migration is not undone; hashes of releases rely on what it records.")

"""What operators do by HTTP: functions that belong to a role of their own."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the functions, and the tables of pending aliases and of answers that were given."""
    op.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Refuse: promotions that the model registry does not know yet would be forgotten."""
    raise NotImplementedError("This migration is not undone; pending promotions would be lost.")

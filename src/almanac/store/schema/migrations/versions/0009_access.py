"""Users, sessions, refresh tokens and API keys, and a role that may only call the functions about them."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tables, and the functions by which the server uses them."""
    op.execute(Path(__file__).with_name("0009_access.sql").read_text())


def downgrade() -> None:
    """Refuse: users and keys would be lost."""
    raise NotImplementedError("This migration is not undone; users and keys would be lost with it.")

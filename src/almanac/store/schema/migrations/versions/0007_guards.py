"""Rate limits, the delay after wrong passwords, the audit trail, and counts of use."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables, and the functions by which alone the server reaches them."""
    op.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Refuse: an audit trail is not thrown away."""
    raise NotImplementedError("This migration is not undone; the audit trail would be lost.")

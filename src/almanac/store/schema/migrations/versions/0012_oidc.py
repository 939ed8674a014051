"""Who a user is in a directory of users."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the table of identities, and the function that admits one."""
    op.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Refuse: users of the directory could not log in again."""
    raise NotImplementedError("This migration is not undone; users of a directory would be nobody.")

"""The name of this database, by which a model registry knows whose it is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Give the database a name that no other has; a copy of the database keeps it."""
    op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="almanac",
    )
    op.execute("INSERT INTO almanac.installation (id) VALUES (gen_random_uuid()::text)")
    op.execute("GRANT SELECT ON almanac.installation TO almanac_worker")


def downgrade() -> None:
    """Refuse: a model registry may be marked with the name."""
    raise NotImplementedError("This migration is not undone; a model registry may rely on it.")

"""Alembic's entry: runs the migrations on the connection it was given."""

from alembic import context

from almanac.store.schema.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="alembic_version",
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()

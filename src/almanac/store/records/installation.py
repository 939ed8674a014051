"""The name of this database, by which a model registry knows whose it is."""

import sqlalchemy as sa

from almanac.store.connections.database import Database
from almanac.store.schema.tables import installation


def identity(database: Database) -> str:
    """Return the name of a database; it is the same for each role, and in a copy."""
    with database.engine.begin() as connection:
        return str(connection.execute(sa.select(installation.c.id)).scalar_one())

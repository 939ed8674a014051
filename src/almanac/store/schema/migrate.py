"""Bring a database to the schema this program knows: roles, platform tables, and every workload's tables."""

import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from almanac.contract import SCHEMA_REVISION, Contract
from almanac.errors import DatabaseError, SchemaMismatch
from almanac.store.connections.database import Database
from almanac.store.connections.locks import retry_on_lock
from almanac.store.schema import contract_tables

ROLES = ("owner", "worker", "reader", "ingest")
BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")


def migrate(login: Database, contracts: Mapping[str, Contract]) -> str:
    """Create roles and schemas, run the migrations, ensure every workload's tables; return the revision.

    `login` connects as the user of the URL. Safe to repeat and while readers are reading. Raises DatabaseError for a newer schema.
    """
    _bootstrap(login)
    owner = Database(login.url, "owner")
    found = revision(owner)
    if found is not None and found > SCHEMA_REVISION:
        raise SchemaMismatch(found, SCHEMA_REVISION)
    try:
        retry_on_lock(owner, _upgrade)
        for contract in contracts.values():
            retry_on_lock(owner, partial(contract_tables.ensure, contract=contract))
    finally:
        owner.engine.dispose()
    return SCHEMA_REVISION


def revision(database: Database) -> str | None:
    """Return the schema revision of the database, or None where it was never migrated."""
    with database.connect() as connection:
        try:
            row = connection.execute("SELECT revision FROM api.schema_version").fetchone()
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.InvalidSchemaName,
            psycopg.errors.InsufficientPrivilege,
        ):
            return None
    return row[0] if row else None


def check(database: Database) -> None:
    """Raise DatabaseError unless the database is at the revision this program knows."""
    found = revision(database)
    if found != SCHEMA_REVISION:
        raise SchemaMismatch(found, SCHEMA_REVISION)


def _upgrade(connection: sa.Connection) -> None:
    # Two programs may start at once; the second then finds everything done.
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac migrate'))"))
    command.upgrade(_config(connection), "head")


def _bootstrap(login: Database) -> None:
    with login.connect() as connection:
        try:
            connection.execute(BOOTSTRAP.read_bytes())
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f"The user of DATABASE_URL may not create roles or schemas ({error.diag.message_primary}). "
                f"Let an administrator run {BOOTSTRAP.name} once, and GRANT {', '.join(f'almanac_{role}' for role in ROLES)} TO that user."
            ) from error


def _config(connection: sa.Connection) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config

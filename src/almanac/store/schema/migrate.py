"""Brings a database to the schema this program knows: roles, platform tables, and every workload's tables."""

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
from almanac.store.schema.ensure import ensure

ROLES = ("owner", "worker", "reader", "ingest")
BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac migrate'))")
MAY_NOT_CREATE = (
    "The user of DATABASE_URL may not create roles or schemas ({reason}). "
    "Let an administrator run {file} once, and GRANT {roles} TO that user."
)
NEVER_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)


def migrate(login: Database, contracts: Mapping[str, Contract]) -> str:
    """Create roles and schemas, run the migrations, ensure every workload's tables; return the revision.

    `login` connects as the user of the URL. Safe to repeat, also while readers read. Raises DatabaseError for
    a newer schema.
    """
    _bootstrap(login)
    owner = Database(login.url, "owner")
    actual = revision(owner)
    if actual is not None and actual > SCHEMA_REVISION:
        raise SchemaMismatch(actual, SCHEMA_REVISION)
    try:
        retry_on_lock(owner, _upgrade)
        for contract in contracts.values():
            retry_on_lock(owner, partial(ensure, contract=contract))
    finally:
        owner.engine.dispose()
    return SCHEMA_REVISION


def revision(database: Database) -> str | None:
    """Return the schema revision of the database, or None where it was never migrated."""
    with database.connect() as connection:
        try:
            row = connection.execute("SELECT revision FROM api.schema_version").fetchone()
        except NEVER_MIGRATED:
            return None
    return row[0] if row else None


def check(database: Database) -> None:
    """Raise DatabaseError unless the database is at the revision this program knows."""
    actual = revision(database)
    if actual != SCHEMA_REVISION:
        raise SchemaMismatch(actual, SCHEMA_REVISION)


def _upgrade(connection: sa.Connection) -> None:
    # Of two programs that start at once, the second one finds everything done.
    connection.execute(LOCK)
    command.upgrade(_config(connection), "head")


def _bootstrap(login: Database) -> None:
    with login.connect() as connection:
        try:
            connection.execute(BOOTSTRAP.read_bytes())
        except psycopg.errors.InsufficientPrivilege as error:
            roles = ", ".join(f"almanac_{role}" for role in ROLES)
            reason = error.diag.message_primary
            message = MAY_NOT_CREATE.format(reason=reason, file=BOOTSTRAP.name, roles=roles)
            raise DatabaseError(message) from error


def _config(connection: sa.Connection) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config

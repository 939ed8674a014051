"""Brings a database to the schema this program knows: roles, platform tables, and every workload's tables."""

import io
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg.rows import TupleRow

from almanac import discovery
from almanac.contract import SCHEMA_REVISION, Contract
from almanac.errors import ContractError, DatabaseError, SchemaMismatch
from almanac.store.connections.database import Database
from almanac.store.connections.locks import retry_on_lock
from almanac.store.schema.ensure import ensure, is_due
from almanac.store.schema.roles import missing_statements

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('almanac migrate'))")
MAY_NOT_CREATE = (
    "The user of DATABASE_URL may not create roles or schemas ({reason}). "
    "Let an administrator of the server run this in the database '{name}', then try again: {statements};"
)
OTHER_ENCODING = (
    "Database '{name}' has the encoding {encoding}, which cannot hold every text. "
    "Make one that can, and name it in DATABASE_URL: "
    "CREATE DATABASE almanac TEMPLATE template0 ENCODING 'UTF8'"
)
log = logging.getLogger("almanac")
NEVER_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)


def migrate(login: Database, contracts: Mapping[str, Contract]) -> str:
    """Create roles and schemas, run the migrations, ensure every workload's tables; return the revision.

    `login` connects as the user of the URL. Safe to repeat, also while readers read. Raises DatabaseError for
    a newer schema, and ContractError for the workloads whose contract does not fit, after all others.
    """
    refusals = _migrate(login, contracts)
    if refusals:
        raise ContractError(" ".join(refusals))
    return SCHEMA_REVISION


def prepare(login: Database) -> None:
    """Make what the programs on an embedded server need; changes no table of a workload that is there.

    The platform's own tables are migrated, a new workload gets its tables, and new SQL files of workloads are
    applied. What does not fit is logged: it stops the runs of its workload only.
    """
    contracts = discovery.contracts()
    if revision(login) == SCHEMA_REVISION:
        with login.engine.begin() as connection:
            due = {name: contract for name, contract in contracts.items() if is_due(connection, name)}
        login.engine.dispose()
        if not due:
            return
        contracts = due
    for refusal in _migrate(login, contracts):
        log.warning(refusal)


def _migrate(login: Database, contracts: Mapping[str, Contract]) -> list[str]:
    """Migrate the platform, then each workload; return what was refused."""
    _bootstrap(login)
    owner = Database(login.url, "owner")
    actual = revision(owner)
    if actual is not None and actual > SCHEMA_REVISION:
        raise SchemaMismatch(actual, SCHEMA_REVISION)
    try:
        retry_on_lock(owner, _upgrade)
        return [refusal for contract in contracts.values() for refusal in _ensure(owner, contract)]
    finally:
        owner.engine.dispose()


def _ensure(owner: Database, contract: Contract) -> list[str]:
    """Bring one workload to its contract; return why that was refused, if it was."""
    try:
        retry_on_lock(owner, partial(ensure, contract=contract))
    except ContractError as error:
        return [str(error)]
    return []


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


def _refuse_other_encoding(connection: psycopg.Connection[TupleRow]) -> None:
    """Raise DatabaseError unless the database can hold every text."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise DatabaseError(OTHER_ENCODING.format(name=connection.info.dbname, encoding=encoding))


def _bootstrap(login: Database) -> None:
    with login.connect(autocommit=True) as connection:
        _refuse_other_encoding(connection)
        try:
            connection.execute(BOOTSTRAP.read_bytes())
        except psycopg.errors.InsufficientPrivilege as error:
            statements = "; ".join(missing_statements(connection))
            names = {"reason": error.diag.message_primary, "name": connection.info.dbname}
            raise DatabaseError(MAY_NOT_CREATE.format(statements=statements, **names)) from error


def _config(connection: sa.Connection) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config

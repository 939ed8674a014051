"""Connections to the database, each in the role its work needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from psycopg.rows import TupleRow

from almanac.connection_strings import (
    CURRENT_USER,
    WITH_OWN_URL,
    Role,
    make,
    missing_role,
    name_of,
    parse,
    reason_of,
    refuse_other_role,
    url_of,
)
from almanac.errors import DatabaseError
from almanac.settings import Settings
from almanac.store.connections import embedded

Connection = sa.Connection
Result = TypeVar("Result")
# A function that runs SQL on a connection, in the transaction of its caller.
Work = Callable[[psycopg.Connection[Any]], Result]
CONNECT_TIMEOUT_SECONDS = 10
UNREACHABLE = (
    "Cannot reach the database at {place}: {reason}. "
    "Check {own_variable}DATABASE_URL, or unset it to use the embedded server."
)
CONNECTION_LOST = (
    "The database broke off: {reason}. What it had not confirmed was undone. "
    "Look at it with `almanac doctor`, then try again."
)


@dataclass(frozen=True)
class Database:
    """One database reached in one role; `login` is the user of the URL itself, without a change of role."""

    url: str
    role: Role = "owner"

    @property
    def conninfo(self) -> str:
        """The connection string with role, UTC and a time limit for connecting."""
        seconds = parse(self.url).get("connect_timeout", str(CONNECT_TIMEOUT_SECONDS))
        return make(self.url, self.role, connect_timeout=seconds, application_name=f"almanac-{self.role}")

    @cached_property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine; pooled connections are checked before use."""
        return sa.create_engine(
            "postgresql+psycopg://", creator=self._connect, pool_pre_ping=True, pool_size=2
        )

    @contextmanager
    def connect(self, *, autocommit: bool = False) -> Iterator[psycopg.Connection[TupleRow]]:
        """Open a psycopg connection; without `autocommit` the block is one transaction.

        Raises DatabaseError where it does not work in this role.
        """
        with self._connect(autocommit) as connection:
            yield connection

    def _connect(self, autocommit: bool = False) -> psycopg.Connection[TupleRow]:
        try:
            connection = psycopg.connect(self.conninfo, autocommit=True)
            with _closed_on_error(connection):
                refuse_other_role(self.role, _current_user(connection))
        except psycopg.OperationalError as error:
            raise missing_role(self.role, error) or _unreachable(self, error) from error
        connection.autocommit = autocommit
        return connection


def open_database(settings: Settings, role: Role = "owner", *, keep_running: bool = False) -> Database:
    """Return the database of these settings in `role`; starts the embedded server where no URL is set."""
    if url := url_of(settings, role):
        return Database(url, role)
    return Database(embedded.start(settings.state_folder / "postgres", keep_running=keep_running), role)


def connection_lost(error: Exception) -> DatabaseError | None:
    """Return the error to raise where the database has closed a connection, or None for every other error.

    `error` comes from psycopg, or from SQLAlchemy around it.
    """
    cause = getattr(error, "orig", error)
    if not isinstance(cause, psycopg.OperationalError):
        return None
    lines = str(cause).strip().splitlines()
    reason = lines[0] if lines else type(cause).__name__
    return DatabaseError(CONNECTION_LOST.format(reason=reason))


def driver_connection(connection: sa.Connection) -> psycopg.Connection[TupleRow]:
    """Return the psycopg connection under a SQLAlchemy connection; both are in the same transaction."""
    return cast("psycopg.Connection[TupleRow]", connection.connection.driver_connection)


@contextmanager
def _closed_on_error(connection: psycopg.Connection[TupleRow]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _current_user(connection: psycopg.Connection[TupleRow]) -> bytes:
    [(name,)] = connection.execute(CURRENT_USER).fetchall()
    return bytes(name)


def _unreachable(database: Database, error: psycopg.OperationalError) -> DatabaseError:
    role = database.role
    own_variable = f"{name_of(role).upper()}_DATABASE_URL or " if role in WITH_OWN_URL else ""
    place, reason = _place(database.url), reason_of(error)
    return DatabaseError(UNREACHABLE.format(place=place, reason=reason, own_variable=own_variable))


def _place(url: str) -> str:
    parts = parse(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

"""Connections to the database, each in the role its work needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar, cast

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from almanac.errors import DatabaseError
from almanac.settings import Settings
from almanac.store.connections import embedded

Connection = sa.Connection
Result = TypeVar("Result")
# A function that runs SQL on a connection, in the transaction of its caller.
Work = Callable[[psycopg.Connection[Any]], Result]
Role = Literal["owner", "worker", "reader", "ingest", "login"]
CONNECT_TIMEOUT_SECONDS = 10
# Roles that may have a connection string of their own.
OWN_URL = ("worker", "reader", "ingest")
UNREADABLE = (
    "DATABASE_URL, or the one of the role, is no connection string. "
    "Write postgresql://USER:PASSWORD@HOST:5432/NAME, in USER and PASSWORD %25 for %, %40 for @ and so on."
)
UNREACHABLE = (
    "Cannot reach the database at {place}: {reason}. "
    "Check {own_variable}DATABASE_URL, or unset it to use the embedded server."
)
LACKS_ROLE = "The database lacks the role {role} or may not use it ({reason}). Run: almanac db migrate"
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
        parts = _parts(self.url)
        own_options = parts.get("options", "")
        role = "" if self.role == "login" else f"-c role=almanac_{self.role}"
        parts["options"] = f"{own_options} -c timezone=UTC {role}".strip()
        parts["application_name"] = f"almanac-{self.role}"
        parts.setdefault("connect_timeout", str(CONNECT_TIMEOUT_SECONDS))
        return make_conninfo("", **parts)

    @cached_property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine; pooled connections are checked before use."""
        return sa.create_engine(
            "postgresql+psycopg://", creator=self._connect, pool_pre_ping=True, pool_size=2
        )

    @contextmanager
    def connect(self, *, autocommit: bool = False) -> Iterator[psycopg.Connection[TupleRow]]:
        """Open a psycopg connection; without `autocommit` the block is one transaction."""
        with self._connect(autocommit) as connection:
            yield connection

    def _connect(self, autocommit: bool = False) -> psycopg.Connection[TupleRow]:
        try:
            return psycopg.connect(self.conninfo, autocommit=autocommit)
        except psycopg.OperationalError as error:
            raise DatabaseError(_explanation(self, error)) from error


def open_database(settings: Settings, role: Role = "owner", *, keep_running: bool = False) -> Database:
    """Return the database of these settings in `role`; starts the embedded server where no URL is set."""
    own_urls = {
        "worker": settings.worker_database_url,
        "reader": settings.reader_database_url,
        "ingest": settings.ingest_database_url,
    }
    url = own_urls.get(role) or settings.database_url
    if url:
        return Database(url.get_secret_value(), role)
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


def _parts(url: str) -> dict[str, str]:
    """Return the parts of a connection string.

    Raises DatabaseError that repeats nothing of it: psycopg's own error may show a password.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseError(UNREADABLE) from None
    return {name: str(value) for name, value in parts.items() if value is not None}


def _explanation(database: Database, error: psycopg.OperationalError) -> str:
    reason = _reason(error)
    role = f"almanac_{database.role}"
    if "almanac_" in reason and ("does not exist" in reason or "permission denied" in reason):
        return LACKS_ROLE.format(role=role, reason=reason)
    own_variable = f"{role.upper()}_DATABASE_URL or " if database.role in OWN_URL else ""
    return UNREACHABLE.format(place=_place(database.url), reason=reason, own_variable=own_variable)


def _reason(error: psycopg.OperationalError) -> str:
    """Return the last line of the error's text; an indented line is advice on the line before it."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("\t")]
    return lines[-1] if lines else type(error).__name__


def _place(url: str) -> str:
    parts = _parts(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

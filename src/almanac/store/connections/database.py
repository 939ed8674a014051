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
Work = Callable[[psycopg.Connection[Any]], Result]
Role = Literal["owner", "worker", "reader", "ingest", "login"]
CONNECT_TIMEOUT_SECONDS = 10
# Roles that may have a connection string of their own.
OWN_URL = ("worker", "reader", "ingest")
UNREADABLE = (
    "DATABASE_URL, or the one of the role, is no connection string. Write postgresql://USER:PASSWORD@HOST:5432/NAME, "
    "in USER and PASSWORD %25 for %, %40 for @ and so on."
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
        options = [str(parts.get("options", "")), "-c timezone=UTC"]
        if self.role != "login":
            options.append(f"-c role=almanac_{self.role}")
        parts |= {"options": " ".join(options).strip(), "application_name": f"almanac-{self.role}"}
        return make_conninfo(
            "", connect_timeout=CONNECT_TIMEOUT_SECONDS, **{name: str(value) for name, value in parts.items()}
        )

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
            raise DatabaseError(_explain(self, error)) from error


def open_database(settings: Settings, role: Role = "owner", *, keep_running: bool = False) -> Database:
    """Return the database of these settings in `role`; starts the embedded server where no URL is set."""
    own = {
        "worker": settings.worker_database_url,
        "reader": settings.reader_database_url,
        "ingest": settings.ingest_database_url,
    }
    chosen = own.get(role) or settings.database_url
    if chosen:
        return Database(chosen.get_secret_value(), role)
    return Database(embedded.start(settings.state_folder / "postgres", keep_running=keep_running), role)


def _parts(url: str) -> dict[str, Any]:
    """Return the parts of a connection string; raises DatabaseError that repeats nothing of it, since psycopg's own error may show a password."""
    try:
        return {key: value for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        raise DatabaseError(UNREADABLE) from None


def _explain(database: Database, error: psycopg.OperationalError) -> str:
    # What is indented is advice on the line before, which says what happened.
    said = [line for line in str(error).strip().splitlines() if not line.startswith("\t")]
    reason = said[-1] if said else type(error).__name__
    if "almanac_" in reason and ("does not exist" in reason or "permission denied" in reason):
        return f"The database lacks the role almanac_{database.role} or may not use it ({reason}). Run: almanac db migrate"
    parts = _parts(database.url)
    where = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    own = f"ALMANAC_{database.role.upper()}_DATABASE_URL or " if database.role in OWN_URL else ""
    return f"Cannot reach the database at {where}: {reason}. Check {own}DATABASE_URL, or unset it to use the embedded server."


def connection_lost(error: Exception) -> DatabaseError | None:
    """Return what to say where a database that was reached has ended the conversation, also wrapped by SQLAlchemy; None for other errors."""
    cause = getattr(error, "orig", error)
    if not isinstance(cause, psycopg.OperationalError):
        return None
    said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return DatabaseError(
        f"The database broke off: {said}. What it had not confirmed was undone. Look at it with `almanac doctor`, then try again."
    )


def driver_connection(connection: sa.Connection) -> psycopg.Connection[TupleRow]:
    """Return the psycopg connection under a SQLAlchemy connection; both are in the same transaction."""
    return cast("psycopg.Connection[TupleRow]", connection.connection.driver_connection)

"""Transactions that never let readers queue behind them, and locks outside transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from almanac.errors import DatabaseError
from almanac.store.connections.database import Database, connection_lost

# Less than PostgreSQL's deadlock_timeout of one second: in a deadlock with a reader, this side gives way.
LOCK_TIMEOUT = "500ms"
ATTEMPTS = 20
LOCKED = (
    "A lock was not to be had in {attempts} attempts of {timeout} each ({error}). Nothing was changed. "
    "End the transaction that holds it (see pg_stat_activity), then try again."
)
Result = TypeVar("Result")


def retry_on_lock(database: Database, work: Callable[[sa.Connection], Result]) -> Result:
    """Run `work` in one transaction; where it cannot get a lock, undo it and try again a little later.

    Raises DatabaseError after the last attempt, and where the database closes the connection; then nothing
    has changed.
    """
    try:
        result: Result = _attempts()(_attempt, database, work)
    except (psycopg.OperationalError, sa.exc.OperationalError) as error:
        if not is_lock_error(error):
            raise connection_lost(error) or error from error
        message = LOCKED.format(attempts=ATTEMPTS, timeout=LOCK_TIMEOUT, error=error)
        raise DatabaseError(message) from error
    return result


@contextmanager
def advisory_lock(database: Database, name: str) -> Iterator[bool]:
    """Try to hold the advisory lock `name` on a connection of its own, in no transaction.

    Yield whether it is held.
    """
    with database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        yield row == (True,)


def is_lock_error(error: BaseException) -> bool:
    """Tell whether an error of psycopg or SQLAlchemy says that a lock could not be had."""
    cause = getattr(error, "orig", error)
    return isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


def _attempts() -> Retrying:
    return Retrying(
        retry=retry_if_exception(is_lock_error),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


def _attempt(database: Database, work: Callable[[sa.Connection], Result]) -> Result:
    with database.engine.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        return work(connection)

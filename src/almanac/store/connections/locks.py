"""Transactions that give up waiting for a lock, so that readers never queue behind them for long, and locks without a transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from almanac.errors import DatabaseError
from almanac.store.connections.database import Database, connection_lost

# Less than PostgreSQL's deadlock_timeout of one second: where we and a reader wait for each other, it is we who give way.
LOCK_TIMEOUT = "500ms"
ATTEMPTS = 20
Result = TypeVar("Result")


def retry_on_lock(database: Database, work: Callable[[sa.Connection], Result]) -> Result:
    """Run `work` in one transaction; where a lock cannot be had, undo it and try again a little later.

    Raises DatabaseError when that was no use, and nothing has been changed then; also where the database breaks off.
    """
    again = retry_if_exception(is_lock_error)
    attempts = Retrying(
        retry=again,
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )
    try:
        outcome: Result = attempts(_attempt, database, work)
    except (psycopg.OperationalError, sa.exc.OperationalError) as error:
        if not is_lock_error(error):
            raise connection_lost(error) or error from error
        raise DatabaseError(
            f"A lock was not to be had in {ATTEMPTS} attempts of {LOCK_TIMEOUT} each ({error}). Nothing was changed. "
            "End the transaction that holds it (see pg_stat_activity), then try again."
        ) from error
    return outcome


@contextmanager
def advisory_lock(database: Database, name: str) -> Iterator[bool]:
    """Hold the advisory lock `name` on a connection of its own, in no transaction; yield whether it was to be had at once."""
    with database.connect(autocommit=True) as connection:
        yield connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone() == (True,)


def is_lock_error(error: BaseException) -> bool:
    """Tell whether an error, also one wrapped by SQLAlchemy, says that a lock could not be had."""
    return isinstance(
        getattr(error, "orig", error), psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected
    )


def _attempt(database: Database, work: Callable[[sa.Connection], Result]) -> Result:
    with database.engine.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        return work(connection)

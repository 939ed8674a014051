"""A request has one deadline for all its database queries."""

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from almanac.settings import Settings
from serve.http.deadline import end_within
from serve.http.problems import Unavailable
from serve.reading.database import SLOW, Database
from tests.serve.publishing import Publisher, match
from tests.servers import in_thread

pytestmark = pytest.mark.slow


@contextmanager
def locked(publisher: Publisher, table: str, seconds: float) -> Iterator[None]:
    """Lock a table against readers for some seconds."""
    with psycopg.connect(publisher.database.url) as connection:
        connection.execute(f"LOCK TABLE almanac.{table} IN ACCESS EXCLUSIVE MODE".encode())
        timer = threading.Timer(seconds, connection.rollback)
        timer.start()
        yield
        timer.join()


def test_a_route_with_several_slow_queries_is_answered_within_one_deadline(publisher):
    publisher.publish([match(0)])
    settings = Settings(
        database_url=publisher.database.url, deadline_seconds=1.5, statement_timeout_seconds=1.4
    )
    with in_thread(settings) as client:
        assert client.get("/v1/football/statistics").status_code == 200
        publisher.publish([match(1)])
        with locked(publisher, "football_statistics", 1.0), locked(publisher, "football_bands", 3.0):
            started = time.monotonic()
            answer = client.get("/v1/football/statistics")
            took = time.monotonic() - started
    assert (answer.status_code, answer.json()["detail"]) == (503, SLOW)
    assert 1.0 < took < 2.0


def outcomes_of_naps(publisher: Publisher, *naps: float, within: float) -> list[str]:
    """Run several slow queries within one deadline and one after it.

    Return for each the backend's process id or the error.
    """
    settings = Settings(
        database_url=publisher.database.url, deadline_seconds=1.0, statement_timeout_seconds=1.0, pool_size=1
    )

    async def nap(database: Database, seconds: float) -> str:
        try:
            [(backend,)] = await database.rows(b"SELECT pg_backend_pid()::text FROM pg_sleep(%s)", (seconds,))
        except Unavailable as error:
            return error.detail
        return str(backend)

    async def ask() -> list[str]:
        database = Database(settings)
        await database.open()
        end_within(within)
        outcomes = [await nap(database, seconds) for seconds in naps]
        end_within(math.inf)
        outcomes.append(await nap(database, 0.6))
        await database.close()
        return outcomes

    return asyncio.run(ask())


def test_the_deadline_cancels_a_query_and_leaves_the_connection_open(publisher):
    first, second, after = outcomes_of_naps(publisher, 0.6, 0.6, within=0.9)
    assert (second, after) == (SLOW, first)


def test_a_request_past_its_deadline_runs_no_query(publisher):
    assert outcomes_of_naps(publisher, 0.0, within=0.0)[0] == SLOW

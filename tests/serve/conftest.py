"""Publishers of made-up predictions, and clients of servers that read them."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from tests.serve.gate import Gate, gate_on
from tests.serve.publishing import Publisher, match, result
from tests.servers import in_thread


@pytest.fixture
def publisher(owner: Database) -> Publisher:
    """Publishes into an empty database of its own."""
    return Publisher(owner)


@pytest.fixture
def client(publisher: Publisher) -> Iterator[httpx.Client]:
    """Reads from a server on the publisher's database."""
    with in_thread(Settings(database_url=publisher.database.url)) as client:
        yield client


@pytest.fixture(scope="session")
def published(cluster: str, template: str) -> Iterator[Publisher]:
    """Two releases that no test changes: version 1 with ten matches, version 2 with twelve.

    Two of the matches have been played before the second release.
    """
    name = f"published_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    publisher = Publisher(database)
    publisher.publish([match(number, home_win=0.4) for number in range(10)], version=1)
    publisher.publish(
        [match(number) for number in range(12)], version=2, results=[result(0, 2, 1), result(1, 0, 0)]
    )
    yield publisher
    database.engine.dispose()


@pytest.fixture(scope="session")
def reading(published: Publisher) -> Iterator[httpx.Client]:
    """Reads the two releases of `published`."""
    with in_thread(Settings(database_url=published.database.url)) as client:
        yield client


@pytest.fixture(scope="session")
def gate(published: Publisher) -> Iterator[Gate]:
    """A server with access on, which reads the releases of `published`."""
    with gate_on(published.database.url) as gate:
        yield gate

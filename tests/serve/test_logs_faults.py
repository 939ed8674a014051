"""Entries are stored once although PostgreSQL restarts under load and clients repeat requests."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate
from almanac.workloads.logs.contract import CONTRACT
from tests.clusters import control
from tests.servers import in_thread

CONTRACTS = {CONTRACT.name: CONTRACT}
CLIENTS = 3
ENTRIES = 20


@pytest.fixture
def own_cluster() -> Iterator[tuple[Database, Path]]:
    """A PostgreSQL that a test may restart."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        data = Path(folder, "pg")
        url = embedded.start(data)
        migrate(Database(url, "login"), CONTRACTS)
        yield Database(url, "owner"), data
        embedded.stop(data)


class Sender(threading.Thread):
    """A client that repeats each request with the same ids until it is acknowledged."""

    def __init__(self, address: str, name: str, end: threading.Event) -> None:
        super().__init__(name=name)
        self.address, self.end = address, end
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.address, timeout=20) as http:
            while not self.end.is_set():
                ids = [f"{self.name}-{number}-{line}" for line in range(ENTRIES)]
                if self.is_acknowledged(http, ids):
                    self.acknowledged.update(ids)
                    number += 1

    def is_acknowledged(self, http: httpx.Client, ids: list[str]) -> bool:
        answer = http.post("/v1/logs", json=[{"id": name, "text": f"text of {name}"} for name in ids])
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 503:
            return False
        assert answer.json()["rejected"] == 0
        return True


@contextmanager
def senders(address: str) -> Iterator[list[Sender]]:
    """Let several clients send until the block ends."""
    end = threading.Event()
    threads = [Sender(address, str(number), end) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        end.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [1, pytest.param(5, marks=pytest.mark.faults)])
def test_an_acknowledged_entry_is_stored_once_through_restarts_of_postgresql(
    own_cluster: tuple[Database, Path], restarts: int
) -> None:
    database, data = own_cluster
    settings = Settings(database_url=database.url, ingest=True)
    with in_thread(settings, CONTRACTS) as http, senders(str(http.base_url)) as threads:
        for _ in range(restarts):
            threads[0].end.wait(1.0)
            control(data, "restart", "immediate")
        threads[0].end.wait(1.5)
    with database.connect() as connection:
        rows = connection.execute("SELECT client_id FROM almanac.log_entries").fetchall()
    stored = [client_id for (client_id,) in rows]
    assert len(stored) == len(set(stored))
    assert set().union(*(thread.acknowledged for thread in threads)) <= set(stored)
    assert sum(len(thread.acknowledged) for thread in threads) > CLIENTS * ENTRIES

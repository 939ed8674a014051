"""Entries are stored once, whatever happens: PostgreSQL restarts under load as after a power cut, the client repeats what it got no answer to."""

import tempfile
import threading
from collections.abc import Iterator
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

CLIENTS = 3
ENTRIES = 20


@pytest.fixture
def own_cluster() -> Iterator[tuple[Database, Path]]:
    """A PostgreSQL that a test may restart."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        data = Path(folder, "pg")
        url = embedded.start(data)
        migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
        yield Database(url, "owner"), data
        embedded.stop(data)


def send(url: str, client: int, over: threading.Event, acknowledged: set[str]) -> None:
    """Send call after call; what was not acknowledged is sent again, with the same ids, until it is."""
    number = 0
    with httpx.Client(base_url=url, timeout=20) as http:
        while not over.is_set():
            ids = [f"{client}-{number}-{line}" for line in range(ENTRIES)]
            answer = http.post("/v1/logs", json=[{"id": name, "text": f"text of {name}"} for name in ids])
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                assert answer.json()["rejected"] == 0
                acknowledged.update(ids)
                number += 1


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [1, pytest.param(5, marks=pytest.mark.faults)])
def test_what_was_acknowledged_is_stored_once_through_restarts_of_postgresql(
    own_cluster: tuple[Database, Path], restarts: int
) -> None:
    database, data = own_cluster
    over, acknowledged = threading.Event(), [set[str]() for _ in range(CLIENTS)]
    with in_thread(Settings(database_url=database.url, ingest=True), {CONTRACT.name: CONTRACT}) as http:
        senders = [
            threading.Thread(target=send, args=(str(http.base_url), client, over, acknowledged[client]))
            for client in range(CLIENTS)
        ]
        for sender in senders:
            sender.start()
        for _ in range(restarts):
            over.wait(1.0)
            control(data, "restart", "immediate")
        over.wait(1.5)
        over.set()
        for sender in senders:
            sender.join()
    with database.connect() as connection:
        stored = [
            name for (name,) in connection.execute("SELECT client_id FROM almanac.log_entries").fetchall()
        ]
    assert len(stored) == len(set(stored))
    assert set().union(*acknowledged) <= set(stored)
    assert sum(map(len, acknowledged)) > CLIENTS * ENTRIES

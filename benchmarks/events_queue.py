"""How fast events come in by HTTP while a worker works on them, and how fast the worker is, beside bare
COPY.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from _serving import answers

from almanac import discovery
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate

BULK = 500
SENDERS = 2
COPIED_CALLS = 40
PORT = 8765
START_SECONDS = 60
WORK = ["-m", "almanac.cli", "work", "events", "--policy", "fixed:500"]
EVENT = {
    "event_type": "order",
    "size_kb": 2.5,
    "priority": "medium",
    "payload": {"shop": "Graz", "items": 3},
}
# The queue is filled without new statistics, as one is that grows faster than these are taken.
FILL = """
INSERT INTO almanac.events_queue (
    event_id, event_type, event_time, size_kb, priority, payload, received_at, rank_at
)
SELECT 'kept-' || number, 'order', since, 2.5, number %% 3, '{"shop": "Graz"}', since,
    since - number %% 3 * interval '30 seconds'
FROM generate_series(1, %s) AS number,
    LATERAL (SELECT now() - interval '1 hour' + number * interval '1 millisecond') AS moment (since)
"""
BARE = """
CREATE TEMP TABLE bare (LIKE almanac.events_queue INCLUDING ALL);
ALTER TABLE bare ALTER received_at SET DEFAULT clock_timestamp(), ALTER rank_at SET DEFAULT clock_timestamp()
"""
COPY = "COPY bare (event_id, event_type, event_time, size_kb, priority, payload) FROM STDIN"
# Events a second of the newest worker, between its first batch and its last.
RATE = """
SELECT sum(events) / greatest(extract(epoch FROM max(finished_at) - min(started_at)), 0.001)
FROM almanac.events_batches
WHERE worker = (SELECT worker FROM almanac.events_batches ORDER BY batch_id DESC LIMIT 1)
"""
DONE = "SELECT coalesce(sum(events), 0) FROM almanac.events_rollups"
STORED = "SELECT count(*) FROM almanac.events_queue"
WORKERS = "SELECT count(*) FROM almanac.events_workers WHERE stopped_at IS NULL"


def main() -> None:
    """Send events for a while, with and without a worker; print and write the figures."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        migrate(Database(url, "login"), discovery.contracts())
        result = measure(Installation(url, Path(folder, "log")), options.seconds, options.waiting)
        embedded.stop(Path(folder, "pg"))
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each part lasts")
    waiting = "measure once more while about so many events wait, for example 1000000"
    parser.add_argument("--waiting", type=int, default=0, help=waiting)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


@dataclass(frozen=True)
class Installation:
    """A database, and the programs that a benchmark runs on it."""

    url: str
    log: Path

    @contextmanager
    def running(self, *words: str, **variables: str) -> Iterator[None]:
        """Run a program meanwhile and ask it to stop afterwards."""
        environment = os.environ | {"DATABASE_URL": self.url, "LOG_LEVEL": "WARNING"} | variables
        with self.log.open("a") as log:
            program = subprocess.Popen([sys.executable, *words], env=environment, stdout=log, stderr=log)
            try:
                yield
            finally:
                program.send_signal(signal.SIGTERM)
                program.wait(30)

    def value(self, query: str) -> Any:
        """Return the only value of a query."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def done(self) -> int:
        """Return how many events were done."""
        return int(self.value(DONE))

    def fill(self, events: int) -> None:
        """Let so many events wait."""
        with psycopg.connect(self.url) as connection:
            connection.execute(FILL, [events])

    def drain(self) -> float:
        """Let one worker empty the queue and return how many events a second it did."""
        command = [sys.executable, *WORK, "--drain", "--json"]
        subprocess.run(command, env=os.environ | {"DATABASE_URL": self.url}, check=True, capture_output=True)
        return float(self.value(RATE) or 0)


def measure(installation: Installation, seconds: float, waiting: int) -> dict[str, Any]:
    """Return events a second of intake, of a worker, and of bare COPY."""
    rates = {"bare_copy": bare_copy(installation.url)}
    with installation.running("-m", "serve", ALMANAC_INGEST="1", PORT=str(PORT)):
        wait_until(lambda: answers(PORT, "/readyz"), "the server")
        rates["intake_alone"] = send(seconds)
        installation.drain()
        rates["intake_beside_worker"], rates["worker_beside_intake"] = beside_worker(installation, seconds)
        rates["worker_alone"] = installation.drain()
        if waiting:
            installation.fill(waiting)
            long = beside_worker(installation, seconds)
            rates |= dict(zip(("intake_while_many_wait", "worker_while_many_wait"), long, strict=True))
    left = None if waiting else int(installation.value(STORED)) - installation.done()
    return summary(rates) | {"bulk": BULK, "senders": SENDERS, "waiting": waiting, "events_left": left}


def summary(rates: dict[str, float]) -> dict[str, Any]:
    """Return the rates and their shares of each other."""
    return {
        "events_per_second": {name: round(rate) for name, rate in rates.items()},
        "beside_worker_share_of_alone": round(rates["intake_beside_worker"] / rates["intake_alone"], 3),
        "alone_share_of_copy": round(rates["intake_alone"] / rates["bare_copy"], 3),
    }


def beside_worker(installation: Installation, seconds: float) -> tuple[float, float]:
    """Return events a second of intake and of a worker beside it."""
    with installation.running(*WORK):
        wait_until(lambda: bool(installation.value(WORKERS)), "the worker")
        before = installation.done()
        sent = send(seconds)
        return sent, (installation.done() - before) / seconds


def bulk(sender: int, number: int) -> list[dict[str, Any]]:
    """Return the events of one call."""
    event = EVENT | {"event_time": datetime.now(UTC).isoformat()}
    return [{"event_id": f"{time.time_ns()}-{sender}-{number}-{place}"} | event for place in range(BULK)]


def send(seconds: float) -> float:
    """Send events from several clients at once and return how many were accepted a second."""
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        accepted = sum(pool.map(lambda sender: send_alone(sender, began + seconds), range(SENDERS)))
    return accepted / (time.perf_counter() - began)


def send_alone(sender: int, ends: float) -> int:
    """Send events until `ends` and return how many were accepted."""
    accepted = number = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as client:
        while time.perf_counter() < ends:
            answer = client.post("/v1/events/bulk", json=bulk(sender, number))
            accepted += answer.raise_for_status().json()["accepted"]
            number += 1
    return accepted


def bare_copy(url: str) -> float:
    """Return events a second of COPY into a table with the same key and indexes."""
    events = [event for number in range(COPIED_CALLS) for event in bulk(9, number)]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(BARE)
        began = time.perf_counter()
        with cursor.copy(COPY) as copy:
            for event in events:
                copy.write_row(bare_row(event))
        return len(events) / (time.perf_counter() - began)


def bare_row(event: dict[str, Any]) -> tuple[object, ...]:
    """Return the columns of COPY; the priority is stored as a number."""
    columns = (event["event_id"], event["event_type"], event["event_time"], event["size_kb"])
    return *columns, 1, json.dumps(event["payload"])


def wait_until(condition: Callable[[], bool], program: str) -> None:
    """Wait until a condition is true; ends the benchmark after a minute."""
    ends = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > ends:
            raise SystemExit(f"{program} did not start")
        time.sleep(0.05)


if __name__ == "__main__":
    main()

"""How fast events come in by HTTP while a worker works on them, and how fast the worker is, beside bare COPY of the same rows."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
PORT = 8765
# Filled without new statistics, as a queue is that grows faster than these are taken.
FILL = """
INSERT INTO almanac.events_queue (event_id, event_type, event_time, size_kb, priority, payload, received_at, rank_at)
SELECT 'kept-' || number, 'order', since, 2.5, number %% 3, '{"shop": "Graz"}', since, since - number %% 3 * interval '30 seconds'
FROM (SELECT number, now() - interval '1 hour' + number * interval '1 millisecond' AS since FROM generate_series(1, %s) AS number) AS made
"""
COPY = "COPY bare (event_id, event_type, event_time, size_kb, priority, payload) FROM STDIN"


def main() -> None:
    """Send events for a while, with and without a worker; print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each part lasts")
    parser.add_argument(
        "--waiting",
        type=int,
        default=0,
        help="measure once more while about so many events wait, for example 1000000",
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        migrate(Database(url, "login"), discovery.contracts())
        result = measured(url, Path(folder), options.seconds, options.waiting)
        embedded.stop(Path(folder, "pg"))
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def measured(url: str, folder: Path, seconds: float, waiting: int) -> dict[str, Any]:
    """Return events per second of intake alone, of intake beside a worker, of the worker, and of bare COPY."""
    copied = bare_copy(url)
    with running(url, folder, "-m", "serve", ALMANAC_INGEST="1", PORT=str(PORT)):
        wait_for_server()
        alone = send(seconds)
        drain(url)
        beside, worked = send_beside_worker(url, folder, seconds)
        drained = drain(url)
        long = send_beside_worker(url, folder, seconds, waiting) if waiting else None
    lost = stored(url) - done(url) if not waiting else None
    shares = {
        "beside_worker_share_of_alone": round(beside / alone, 3),
        "alone_share_of_copy": round(alone / copied, 3),
    }
    rates = {
        "intake_alone": alone,
        "intake_beside_worker": beside,
        "worker_beside_intake": worked,
        "worker_alone": drained,
        "bare_copy": copied,
    }
    if long:
        rates |= dict(zip(("intake_while_many_wait", "worker_while_many_wait"), long, strict=True))
    told = {
        "events_per_second": {name: round(rate) for name, rate in rates.items()},
        **shares,
        "bulk": BULK,
        "senders": SENDERS,
    }
    return told | {"waiting": waiting, "events_left": lost}


def send_beside_worker(url: str, folder: Path, seconds: float, waiting: int = 0) -> tuple[float, float]:
    """Return events a second of intake and of a worker beside it, while `waiting` events wait beforehand."""
    if waiting:
        with psycopg.connect(url) as connection:
            connection.execute(FILL, [waiting])
    with running(url, folder, "-m", "almanac.cli", "work", "events", "--policy", "fixed:500"):
        wait_for_worker(url)
        before = done(url)
        sent = send(seconds)
        return sent, (done(url) - before) / seconds


def bulk(sender: int, number: int) -> list[dict[str, Any]]:
    """Return one call's events."""
    moment = datetime.now(UTC).isoformat()
    known = {
        "event_type": "order",
        "event_time": moment,
        "size_kb": 2.5,
        "priority": "medium",
        "payload": {"shop": "Graz", "items": 3},
    }
    return [{"event_id": f"{time.time_ns()}-{sender}-{number}-{place}"} | known for place in range(BULK)]


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
            accepted += (
                client.post("/v1/events/bulk", json=bulk(sender, number))
                .raise_for_status()
                .json()["accepted"]
            )
            number += 1
    return accepted


def drain(url: str) -> float:
    """Let one worker empty the queue and return how many events a second it did between its first batch and its last."""
    environment = os.environ | {"DATABASE_URL": url}
    command = [
        sys.executable,
        "-m",
        "almanac.cli",
        "work",
        "events",
        "--policy",
        "fixed:500",
        "--drain",
        "--json",
    ]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rate = "SELECT sum(events) / greatest(extract(epoch FROM max(finished_at) - min(started_at)), 0.001) FROM almanac.events_batches WHERE worker ="
    newest = "(SELECT worker FROM almanac.events_batches ORDER BY batch_id DESC LIMIT 1)"
    return float(asked(url, f"{rate} {newest}") or 0)


def bare_copy(url: str) -> float:
    """Return events a second of COPY into a table with the same key and indexes."""
    rows = [event for number in range(40) for event in bulk(9, number)]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bare (LIKE almanac.events_queue INCLUDING ALL)")
        cursor.execute(
            "ALTER TABLE bare ALTER received_at SET DEFAULT clock_timestamp(), ALTER rank_at SET DEFAULT clock_timestamp()"
        )
        began = time.perf_counter()
        with cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(
                    (
                        row["event_id"],
                        row["event_type"],
                        row["event_time"],
                        row["size_kb"],
                        1,
                        json.dumps(row["payload"]),
                    )
                )
        return len(rows) / (time.perf_counter() - began)


@contextmanager
def running(url: str, folder: Path, *words: str, **variables: str) -> Iterator[None]:
    """Run a program of the house meanwhile and ask it to end afterwards."""
    environment = os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"} | variables
    with (folder / "log").open("a") as log:
        program = subprocess.Popen([sys.executable, *words], env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(30)


def wait_for_server() -> None:
    """Wait until the server is ready."""
    wait_until(lambda: answers(PORT, "/readyz"), "the server")


def wait_for_worker(url: str) -> None:
    """Wait until a worker has shown that it is there."""
    wait_until(
        lambda: bool(asked(url, "SELECT count(*) FROM almanac.events_workers WHERE stopped_at IS NULL")),
        "the worker",
    )


def wait_until(happened: Any, what: str) -> None:
    """Wait until `happened` returns something true; ends the program after half a minute."""
    ends = time.monotonic() + 30
    while not happened():
        if time.monotonic() > ends:
            raise SystemExit(f"{what} did not start")
        time.sleep(0.05)


def asked(url: str, query: str) -> Any:
    """Return the only value of a query."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def done(url: str) -> int:
    """Return how many events were done."""
    return int(asked(url, "SELECT coalesce(sum(events), 0) FROM almanac.events_rollups"))


def stored(url: str) -> int:
    """Return how many events are stored."""
    return int(asked(url, "SELECT count(*) FROM almanac.events_queue"))


if __name__ == "__main__":
    main()

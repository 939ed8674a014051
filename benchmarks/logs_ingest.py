"""How fast log entries are stored: from a file, beside a bare COPY of the same rows, and over HTTP.

    python benchmarks/logs_ingest.py [--entries 500000] [--seconds 10] [--json PATH]

Needs nothing but the laboratory's packages: it starts a PostgreSQL of its own in a temporary folder and a server on the loopback.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
from _serving import serving
from psycopg import sql

from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.store.schema.migrate import migrate
from almanac.workloads.logs import entries
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import ingest

FILE_BOUND = 100_000
RATIO_BOUND = 0.15
HTTP_BOUND = 5_000
CALL = 1_000
CLIENTS = 2


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        try:
            migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
            figures = from_file(Database(url, "worker"), Path(folder, "server.log"), given.entries)
            figures |= {
                "bare": bare_copy(Database(url), given.entries),
                "http": over_http(url, given.seconds),
            }
        finally:
            embedded.stop(Path(folder, "pg"))
    figures["ratio"] = figures["file"] / figures["bare"]
    is_met = (
        figures["file"] >= FILE_BOUND and figures["ratio"] >= RATIO_BOUND and figures["http"] >= HTTP_BOUND
    )
    show(figures)
    if given.json:
        bounds = {"file": FILE_BOUND, "ratio": RATIO_BOUND, "http": HTTP_BOUND}
        given.json.write_text(
            json.dumps({"entries_per_second": figures, "bounds": bounds, "is_met": is_met}, indent=2) + "\n"
        )
    return 0 if is_met else 1


def lines(count: int) -> Iterator[str]:
    """Yield lines as a Kafka broker writes them."""
    for number in range(count):
        clock = f"{number // 3_600_000:02d}:{number // 60_000 % 60:02d}:{number // 1_000 % 60:02d},{number % 1_000:03d}"
        what = f"Partition [topic-{number % 50},{number % 9}] on broker {number % 7}: Expanding ISR for partition from {number} to {number + 1}"
        yield f"[2025-04-15 {clock}] INFO {what} (kafka.cluster.Partition)\n"


def from_file(worker: Database, path: Path, count: int) -> dict[str, float]:
    """Return the entries a second that are parsed, compared with what is there, and stored; the first time and again."""
    path.write_text("".join(lines(count)))
    began = time.perf_counter()
    told = ingest.ingest(worker.connect, path, ingest.ReadOptions(), entries.Load(binary_copy.encode))
    between = time.perf_counter()
    again = ingest.ingest(worker.connect, path, ingest.ReadOptions(), entries.Load(binary_copy.encode))
    ended = time.perf_counter()
    if (told.stored.accepted, again.stored.duplicate) != (count, count):
        raise SystemExit(f"{told.stored} and {again.stored} of {count} entries")
    return {"file": count / (between - began), "file again": count / (ended - between)}


def bare_copy(owner: Database, count: int) -> float:
    """Return the rows a second of one binary COPY of the same rows into a table with the same key."""
    names = sql.SQL(", ").join(map(sql.Identifier, entries.COLUMNS))
    with owner.connect() as connection:
        with connection.cursor().copy(
            sql.SQL("COPY (SELECT {} FROM almanac.log_entries) TO STDOUT (FORMAT binary)").format(names)
        ) as copy:
            data = b"".join(bytes(block) for block in copy)
        connection.execute(
            "CREATE TABLE staging.bare (LIKE almanac.log_entries INCLUDING CONSTRAINTS, PRIMARY KEY (entry_id, day))"
        )
        connection.commit()
        began = time.perf_counter()
        with connection.cursor().copy(
            sql.SQL("COPY staging.bare ({}) FROM STDIN (FORMAT binary)").format(names)
        ) as copy:
            copy.write(data)
        connection.commit()
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE staging.bare")
    return count / seconds


def over_http(url: str, seconds: float) -> float:
    """Return the entries a second that a server accepts from some clients at once, packed lines of JSON, 1,000 a call."""
    accepted = [0] * CLIENTS
    with serving(url, ALMANAC_INGEST="1") as client:
        began = time.perf_counter()
        senders = [
            Thread(target=send, args=(str(client.base_url), number, began + seconds, accepted))
            for number in range(CLIENTS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        elapsed = time.perf_counter() - began
    return sum(accepted) / elapsed


def send(url: str, client: int, until: float, accepted: list[int]) -> None:
    """Send call after call until the time is over."""
    head = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    with httpx.Client(base_url=url, timeout=60) as http:
        number = 0
        while time.perf_counter() < until:
            body = "".join(
                json.dumps(
                    {
                        "id": f"{client}-{number}-{line}",
                        "time": "2025-04-15T06:00:00Z",
                        "level": "INFO",
                        "text": f"Served block {line} in {number} ms",
                    }
                )
                + "\n"
                for line in range(CALL)
            )
            answer = http.post(
                "/v1/logs", content=gzip.compress(body.encode(), compresslevel=1), headers=head
            )
            if answer.status_code != 200:
                raise SystemExit(answer.text)
            accepted[client] += answer.json()["accepted"]
            number += 1


def show(figures: dict[str, float]) -> None:
    """Print the figures."""
    print(
        f"from a file, parsed, compared and stored: {figures['file']:>10,.0f} entries/s (bound {FILE_BOUND:,})"
    )
    print(f"the same file again:                      {figures['file again']:>10,.0f} entries/s")
    print(
        f"bare COPY of the same rows:               {figures['bare']:>10,.0f} rows/s, ratio {figures['ratio']:.2f} (bound {RATIO_BOUND})"
    )
    print(
        f"over HTTP, {CLIENTS} clients, {CALL} entries a call:   {figures['http']:>10,.0f} entries/s (bound {HTTP_BOUND:,})"
    )


if __name__ == "__main__":
    sys.exit(main())

"""How fast log entries are stored: from a file, beside a bare COPY of the same rows, and over HTTP.

    python benchmarks/logs_ingest.py [--entries 500000] [--seconds 10] [--json PATH]

Needs only the packages of the laboratory. It starts a PostgreSQL of its own in a temporary folder and a
server on the loopback.
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
from psycopg import Connection, sql

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
BOUNDS = {"file": FILE_BOUND, "ratio": RATIO_BOUND, "http": HTTP_BOUND}
CALL = 1_000
CLIENTS = 2
TITLES = (
    ("from a file, parsed, compared and stored", "file", "entries/s"),
    ("the same file again", "file again", "entries/s"),
    ("bare COPY of the same rows", "bare", "rows/s"),
    (f"over HTTP, {CLIENTS} clients, {CALL} entries a call", "http", "entries/s"),
)
HEADERS = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
LINE = (
    "[2025-04-15 {clock}] INFO Partition [topic-{topic},{partition}] on broker {broker}: "
    "Expanding ISR for partition from {number} to {next} (kafka.cluster.Partition)\n"
)
COLUMNS = sql.SQL(", ").join(map(sql.Identifier, entries.COLUMNS))
COPY_OUT = sql.SQL("COPY (SELECT {} FROM almanac.log_entries) TO STDOUT (FORMAT binary)").format(COLUMNS)
COPY_IN = sql.SQL("COPY staging.bare ({}) FROM STDIN (FORMAT binary)").format(COLUMNS)
MAKE_BARE = """
    CREATE TABLE staging.bare (
        LIKE almanac.log_entries INCLUDING CONSTRAINTS, PRIMARY KEY (entry_id, day))"""

Figures = dict[str, float]


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        try:
            figures = measure(url, Path(folder, "server.log"), arguments)
        finally:
            embedded.stop(Path(folder, "pg"))
    is_met = all(figures[name] >= bound for name, bound in BOUNDS.items())
    show(figures)
    if arguments.json:
        result = {"entries_per_second": figures, "bounds": BOUNDS, "is_met": is_met}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if is_met else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(url: str, path: Path, arguments: argparse.Namespace) -> Figures:
    """Return entries a second by way, and the ratio of file and bare COPY."""
    migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
    figures = from_file(Database(url, "worker"), path, arguments.entries)
    figures["bare"] = bare_copy(Database(url), arguments.entries)
    figures["http"] = over_http(url, arguments.seconds)
    figures["ratio"] = figures["file"] / figures["bare"]
    return figures


def lines(count: int) -> Iterator[str]:
    """Yield lines as a Kafka broker writes them."""
    for number in range(count):
        places = {"topic": number % 50, "partition": number % 9, "broker": number % 7}
        yield LINE.format(clock=clock(number), number=number, next=number + 1, **places)


def clock(milliseconds: int) -> str:
    """Return a time of day as a Kafka broker writes it."""
    seconds, rest = divmod(milliseconds, 1_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d},{rest:03d}"


def from_file(worker: Database, path: Path, count: int) -> Figures:
    """Return the entries a second that are parsed, compared and stored, the first time and the second."""
    path.write_text("".join(lines(count)))
    first, seconds = read(worker, path)
    second, seconds_again = read(worker, path)
    if (first.stored.accepted, second.stored.duplicate) != (count, count):
        raise SystemExit(f"{first.stored} and {second.stored} of {count} entries")
    return {"file": count / seconds, "file again": count / seconds_again}


def read(worker: Database, path: Path) -> tuple[ingest.FileReport, float]:
    """Store a file; return the report and the seconds that it took."""
    load = entries.Load(binary_copy.encode)
    begin = time.perf_counter()
    report = ingest.ingest(worker.connect, path, ingest.ReadOptions(), load)
    return report, time.perf_counter() - begin


def bare_copy(owner: Database, count: int) -> float:
    """Return the rows a second of one binary COPY of the same rows into a table with the same key."""
    with owner.connect() as connection:
        with connection.cursor().copy(COPY_OUT) as copy:
            data = b"".join(bytes(block) for block in copy)
        connection.execute(MAKE_BARE)
        connection.commit()
        seconds = copy_in(connection, data)
        connection.execute("DROP TABLE staging.bare")
    return count / seconds


def copy_in(connection: "Connection[tuple[object, ...]]", data: bytes) -> float:
    """Copy rows and commit; return the seconds that it took."""
    begin = time.perf_counter()
    with connection.cursor().copy(COPY_IN) as copy:
        copy.write(data)
    connection.commit()
    return time.perf_counter() - begin


def over_http(url: str, seconds: float) -> float:
    """Return the entries a second that a server accepts from CLIENTS clients, CALL gzipped lines a call."""
    accepted = [0] * CLIENTS
    with serving(url, ALMANAC_INGEST="1") as client:
        begin = time.perf_counter()
        until, address = begin + seconds, str(client.base_url)
        senders = [Thread(target=send, args=(address, number, until, accepted)) for number in range(CLIENTS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        elapsed = time.perf_counter() - begin
    return sum(accepted) / elapsed


def send(url: str, client: int, until: float, accepted: list[int]) -> None:
    """Send call after call until the time is over."""
    with httpx.Client(base_url=url, timeout=60) as http:
        number = 0
        while time.perf_counter() < until:
            answer = http.post("/v1/logs", content=body(client, number), headers=HEADERS)
            if answer.status_code != 200:
                raise SystemExit(answer.text)
            accepted[client] += answer.json()["accepted"]
            number += 1


def body(client: int, call: int) -> bytes:
    """Return the gzipped lines of a call."""
    common = {"time": "2025-04-15T06:00:00Z", "level": "INFO"}
    items = [
        common | {"id": f"{client}-{call}-{line}", "text": f"Served block {line} in {call} ms"}
        for line in range(CALL)
    ]
    content = "".join(json.dumps(item) + "\n" for item in items)
    return gzip.compress(content.encode(), compresslevel=1)


def show(figures: Figures) -> None:
    """Print the figures."""
    for title, name, unit in TITLES:
        bound = f" (bound {BOUNDS[name]:,})" if name in BOUNDS else ""
        print(f"{title + ':':<42}{figures[name]:>10,.0f} {unit}{bound}")
    print(f"file by bare COPY: {figures['ratio']:.2f} (bound {RATIO_BOUND})")


if __name__ == "__main__":
    sys.exit(main())

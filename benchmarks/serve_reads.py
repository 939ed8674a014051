"""How fast the server reads one prediction by its id, cached and uncached.

A constant route of the same server is the comparison.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import _load
import _serving
import pandas as pd

from almanac.contract import Contract, Table
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import runs
from almanac.store.schema.migrate import migrate
from almanac.workloads.football.contract import CONTRACT

CONSTANT = "/livez"
MATCHES = 1_000
SLICES, SLICE_REQUESTS = 7, 4_000
MEMORY_REQUESTS = 100_000
STARTS = 5
REST_SECONDS = 1.0
VALUES: dict[str, Any] = {
    "integer": 1,
    "bigint": 1,
    "real": 0.0,
    "boolean": True,
    "date": date(2025, 4, 18),
    "json": [],
}
VALUES["timestamp"] = datetime(2025, 4, 18, tzinfo=UTC)


def main() -> None:
    """Publish made-up matches, read them beside the constant route, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter for the server, of a venv with serve.txt alone"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        result = figures(url, options.python)
        embedded.stop(Path(folder, "pg"))
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(f"{text}\n")


def figures(url: str, python: str) -> dict[str, Any]:
    """Return everything that this program measures, on the database at `url`."""
    paths = [f"/v1/football/predictions/{identity}" for identity in published(url)]
    random.Random(1).shuffle(paths)  # noqa: S311  # an order that is the same each time, no secret
    return {
        "kept": measured(url, paths, cache_mb=8),
        "read": measured(url, paths, cache_mb=0),
        "memory_mb": memory(url, paths, python),
        "start_to_ready_seconds": starting(url, python),
    }


def published(url: str) -> list[str]:
    """Publish one run of made-up matches and return their ids."""
    migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
    owner = Database(url, "owner")
    with owner.engine.begin() as connection:
        run_id = runs.start(
            connection, runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "mock", "benchmark")
        )
    if run_id is None:
        raise SystemExit("the slot of the benchmark is taken")
    content = {table.name: made_up(CONTRACT, table) for table in CONTRACT.released_tables}
    staged = staging.stage(owner, CONTRACT, run_id, content)
    facts = runs.RunUpdate(
        data_as_of=date(2025, 4, 18),
        source="made up",
        model_version=1,
        rows=staged.rows,
        prediction_hash=staged.prediction_hash,
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, facts, "benchmark"))
    owner.engine.dispose()
    return list(content["predictions"][CONTRACT.entity])


def made_up(contract: Contract, table: Table) -> pd.DataFrame:
    """Return rows with a value of the right type in every column and sums that add up."""
    columns = {column.name: [VALUES.get(column.type)] * MATCHES for column in table.columns}
    columns |= {
        column.name: [f"{column.name}-{number:06d}" for number in range(MATCHES)]
        for column in table.columns
        if column.type == "text"
    }
    if table is contract.predictions:
        columns |= {rule.columns[0]: [rule.total] * MATCHES for rule in contract.sums}
    return pd.DataFrame(columns, dtype=object)


def measured(url: str, paths: Sequence[str], *, cache_mb: float) -> dict[str, Any]:
    """Alternate slices of the constant route and of random ids; the share is the median over rounds."""
    with _serving.almanac(url, cache_mb=cache_mb) as server:
        _load.run(server.port, paths, SLICE_REQUESTS)
        constant, reads = Slices(server, [CONSTANT]), Slices(server, paths)
        for _ in range(SLICES):
            constant.load()
            reads.load()
    rounds = zip(constant.loads, reads.loads, strict=True)
    shares = [read.per_second / still.per_second for still, read in rounds]
    return {
        "share_of_constant": round(median(shares), 3),
        "constant": constant.figures(),
        "prediction": reads.figures(),
    }


@dataclass
class Slices:
    """Loads of one kind of request, and the CPU time that the server took for them."""

    server: _serving.Server
    paths: Sequence[Any]
    send: Callable[[int, Sequence[Any], int], _load.Load] = _load.run
    loads: list[_load.Load] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def load(self) -> None:
        """Send one slice of requests."""
        before = self.server.cpu_seconds
        self.loads.append(self.send(self.server.port, self.paths, SLICE_REQUESTS))
        self.cpu_seconds += self.server.cpu_seconds - before

    def figures(self) -> dict[str, float]:
        """Return rates and latencies over all slices, and microseconds of CPU for each request."""
        requests = SLICE_REQUESTS * len(self.loads)
        cpu = {"cpu_us": round(self.cpu_seconds / requests * 1e6)}
        return _load.joined(self.loads).figures() | cpu


def memory(url: str, paths: Sequence[str], python: str) -> dict[str, float]:
    """Return the server's memory at rest, after reads, and after /openapi.json."""
    lists = [f"/v1/football/predictions?limit={limit}" for limit in (10, 50, 200)]
    with _serving.almanac(url, cache_mb=8, python=python) as server:
        time.sleep(REST_SECONDS)
        at_rest = server.memory_mb
        _load.run(server.port, [*paths, *lists], MEMORY_REQUESTS)
        after = server.memory_mb
        _load.run(server.port, ["/openapi.json"], 1, connections=1)
        return {
            "at rest": at_rest,
            f"after {MEMORY_REQUESTS} requests": after,
            "and after /openapi.json": server.memory_mb,
        }


def starting(url: str, python: str) -> float:
    """Return the median seconds from starting the program to its first ready answer."""
    seconds = []
    for _ in range(STARTS):
        with _serving.almanac(url, cache_mb=8, python=python) as server:
            seconds.append(server.start_seconds)
    return round(median(seconds), 2)


if __name__ == "__main__":
    main()

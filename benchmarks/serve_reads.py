"""How fast the server reads one prediction by its id, cached and uncached.

A constant route of the same server is the comparison.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        paths = [f"/v1/football/predictions/{identity}" for identity in published(url)]
        random.Random(1).shuffle(paths)  # noqa: S311  # an order that is the same each time, no secret
        result = {"kept": measured(url, paths, cache_mb=8), "read": measured(url, paths, cache_mb=0)}
        result |= {"memory_mb": memory(url, paths), "start_to_ready_seconds": starting(url)}
        embedded.stop(Path(folder, "pg"))
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


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
    """Alternate slices of the constant route and of random ids.

    The share is the median over neighbouring slices.
    """
    with _serving.almanac(url, cache_mb=cache_mb) as (port, _, _):
        _load.run(port, paths, SLICE_REQUESTS)
        pairs = [
            (_load.run(port, [CONSTANT], SLICE_REQUESTS), _load.run(port, paths, SLICE_REQUESTS))
            for _ in range(SLICES)
        ]
    constant, reads = (_load.joined([pair[which] for pair in pairs]) for which in (0, 1))
    shares = [read.per_second / still.per_second for still, read in pairs]
    return {
        "share_of_constant": round(median(shares), 3),
        "constant": constant.figures(),
        "prediction": reads.figures(),
    }


def memory(url: str, paths: Sequence[str]) -> dict[str, float]:
    """Return the server's memory in megabytes when it is ready and after many requests."""
    lists = [f"/v1/football/predictions?limit={limit}" for limit in (10, 50, 200)]
    with _serving.almanac(url, cache_mb=8) as (port, process, _):
        before = process.memory_info().rss
        _load.run(port, [*paths, *lists], MEMORY_REQUESTS)
        after = process.memory_info().rss
    return {"ready": round(before / 1e6, 1), f"after {MEMORY_REQUESTS} requests": round(after / 1e6, 1)}


def starting(url: str) -> float:
    """Return the median seconds from starting the program to its first ready answer."""
    seconds = []
    for _ in range(STARTS):
        with _serving.almanac(url, cache_mb=8) as (_, _, waited):
            seconds.append(waited)
    return round(median(seconds), 2)


if __name__ == "__main__":
    main()

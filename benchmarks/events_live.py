"""Closes the loop on one machine: workers measure simulated traffic, the next run learns from that, and the policy made of it is judged live."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from almanac import discovery
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate

SETTLE_SECONDS = 4.0
# Real latency: from the receipt of an event to the moment at which its batch was recorded.
EVENTS = """
SELECT count(*) AS events, count(*) FILTER (WHERE extract(epoch FROM b.finished_at - received_at) > b.objective_seconds) AS missed,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM b.finished_at - received_at)) AS p99_seconds
FROM almanac.events_queue JOIN almanac.events_batches AS b USING (batch_id) WHERE b.sized_by IN ('published', 'explore')
"""
BATCHES = """
SELECT count(*) AS batches, sum(missed)::int AS missed_as_recorded, sum(fixed_cost + event_cost + second_cost) / sum(events) AS cost_per_event,
    1 - sum((seconds - predicted_seconds) ^ 2) / greatest(sum((seconds - mean) ^ 2), 1e-9) AS r2,
    avg((seconds > predicted_p90_seconds)::int) AS above_p90,
    avg(extract(epoch FROM finished_at - started_at) - seconds) AS to_record_seconds
FROM almanac.events_batches, (SELECT avg(seconds) AS mean FROM almanac.events_batches WHERE sized_by IN ('published', 'explore')) AS known
WHERE sized_by IN ('published', 'explore') AND predicted_seconds IS NOT NULL
"""
# What made the first late event of a batch late: its start (too old already), luck (longer than predicted), or both.
LATE = """
SELECT count(*) AS late_batches,
    count(*) FILTER (WHERE oldest_seconds + predicted_seconds > objective_seconds) AS started_late_on_purpose_or_not,
    count(*) FILTER (WHERE seconds > predicted_p90_seconds) AS took_longer_than_p90,
    avg(oldest_seconds + seconds - objective_seconds) AS mean_seconds_too_late
FROM almanac.events_batches WHERE sized_by IN ('published', 'explore') AND missed > 0
"""


def main() -> None:
    """Learn from a first part of the traffic, judge on the second; print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn-seconds", type=float, default=75.0, help="traffic to learn from")
    parser.add_argument("--seconds", type=float, default=75.0, help="traffic to judge on")
    parser.add_argument("--speed", type=float, default=3.0, help="seconds of the trace in one")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        migrate(Database(url, "login"), discovery.contracts())
        try:
            result = measured(url, Path(folder), told)
        finally:
            embedded.stop(Path(folder, "pg"))
    print(json.dumps(result, indent=2, default=float))
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        told.json.write_text(json.dumps(result, indent=2, default=float) + "\n")


def measured(url: str, folder: Path, told: argparse.Namespace) -> dict[str, Any]:
    """Return what was measured live, with what the last run said."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "ALMANAC_STATE": str(folder / "state"),
        "LOG_LEVEL": "WARNING",
    }
    # Versions of a registry and rows of a database belong together.
    environment |= {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "ALMANAC_ARTIFACT_ROOT": str(folder / "artifacts"),
    }
    # A plain worker that polls often makes batches of many sizes, and enough of them within a minute.
    with running(
        environment, folder, "work", "events", "--policy", "polling:100:0.2", "--processing", "light"
    ):
        simulate(environment, told.learn_seconds, told.speed)
    began = time.monotonic()
    almanac(environment, "run", "events", "--slot", "now")
    run_seconds = time.monotonic() - began
    with running(environment, folder, "work", "events", "--policy", "published", "--processing", "light"):
        time.sleep(SETTLE_SECONDS)
        simulate(environment, told.seconds, told.speed)
        time.sleep(SETTLE_SECONDS)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        parts = {
            name: connection.execute(query.encode()).fetchone() or {}
            for name, query in (("events", EVENTS), ("batches", BATCHES), ("late", LATE))
        }
        sizes = {
            row["sized_by"]: row["count"]
            for row in connection.execute("SELECT sized_by, count(*) FROM almanac.events_batches GROUP BY 1")
        }
    missed_share = parts["events"]["missed"] / max(parts["events"]["events"], 1)
    return {
        "missed_share": round(missed_share, 4),
        **parts,
        "batches_by": sizes,
        "run_seconds": round(run_seconds),
        "speed": told.speed,
    }


def simulate(environment: dict[str, str], seconds: float, speed: float) -> None:
    """Send traffic for a while."""
    almanac(
        environment,
        "simulate",
        "events",
        "--trace",
        "azure-conv",
        "--speed",
        str(speed),
        "--seconds",
        str(seconds),
    )


def almanac(environment: dict[str, str], *words: str) -> None:
    """Run one command of the house."""
    subprocess.run(
        [sys.executable, "-m", "almanac.cli", *words], env=environment, check=True, stdout=subprocess.DEVNULL
    )


@contextmanager
def running(environment: dict[str, str], folder: Path, *words: str) -> Iterator[None]:
    """Run a command meanwhile and ask it to end afterwards."""
    with (folder / "log").open("a") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "almanac.cli", *words], env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(30)


if __name__ == "__main__":
    main()

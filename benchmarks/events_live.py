"""Closes the loop on one machine: workers measure simulated traffic, a run learns from it, its policy is
judged.
"""

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
# A plain worker that polls often makes batches of many sizes, and enough of them within a minute.
LEARNING = ["--policy", "polling:100:0.2", "--processing", "light"]
JUDGED = ["--policy", "published", "--processing", "light"]
# Real latency: from the receipt of an event to the moment at which its batch was recorded.
EVENTS = """
SELECT count(*) AS events,
    count(*) FILTER (WHERE extract(epoch FROM b.finished_at - received_at) > b.objective_seconds) AS missed,
    percentile_cont(0.99) WITHIN GROUP (
        ORDER BY extract(epoch FROM b.finished_at - received_at)) AS p99_seconds
FROM almanac.events_queue JOIN almanac.events_batches AS b USING (batch_id)
WHERE b.sized_by IN ('published', 'explore')
"""
BATCHES = """
WITH followed AS (
    SELECT *, avg(seconds) OVER () AS mean FROM almanac.events_batches
    WHERE sized_by IN ('published', 'explore')
)
SELECT count(*) AS batches, sum(missed)::int AS missed_as_recorded,
    sum(fixed_cost + event_cost + second_cost) / sum(events) AS cost_per_event,
    1 - sum((seconds - predicted_seconds) ^ 2) / greatest(sum((seconds - mean) ^ 2), 1e-9) AS r2,
    avg((seconds > predicted_p90_seconds)::int) AS above_p90,
    avg(extract(epoch FROM finished_at - started_at) - seconds) AS to_record_seconds
FROM followed WHERE predicted_seconds IS NOT NULL
"""
# The cause of the first late event of a batch: its start (too old already), luck (longer than predicted),
# or both.
LATE = """
SELECT count(*) AS late_batches,
    count(*) FILTER (
        WHERE oldest_seconds + predicted_seconds > objective_seconds) AS started_late_on_purpose_or_not,
    count(*) FILTER (WHERE seconds > predicted_p90_seconds) AS took_longer_than_p90,
    avg(oldest_seconds + seconds - objective_seconds) AS mean_seconds_too_late
FROM almanac.events_batches WHERE sized_by IN ('published', 'explore') AND missed > 0
"""
SIZES = "SELECT sized_by, count(*) FROM almanac.events_batches GROUP BY 1"


def main() -> None:
    """Learn from a first part of the traffic, judge on the second; print and write the figures."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        migrate(Database(url, "login"), discovery.contracts())
        try:
            result = measure(Installation(url, Path(folder)), options)
        finally:
            embedded.stop(Path(folder, "pg"))
    text = json.dumps(result, indent=2, default=float)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn-seconds", type=float, default=75.0, help="traffic to learn from")
    parser.add_argument("--seconds", type=float, default=75.0, help="traffic to judge on")
    parser.add_argument("--speed", type=float, default=3.0, help="seconds of the trace in one")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


class Installation:
    """An installation of Almanac with a database and a registry of its own.

    Versions and rows belong together.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.log = folder / "log"
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "ALMANAC_STATE": str(folder / "state"),
            "LOG_LEVEL": "WARNING",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
            "ALMANAC_ARTIFACT_ROOT": str(folder / "artifacts"),
        }

    def run(self, *words: str) -> None:
        """Run one command."""
        command = [sys.executable, "-m", "almanac.cli", *words]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def simulate(self, seconds: float, speed: float) -> None:
        """Send traffic for a while."""
        pace = ["--speed", str(speed), "--seconds", str(seconds)]
        self.run("simulate", "events", "--trace", "azure-conv", *pace)

    @contextmanager
    def worker(self, options: list[str]) -> Iterator[None]:
        """Run a worker meanwhile and ask it to stop afterwards."""
        command = [sys.executable, "-m", "almanac.cli", "work", "events", *options]
        with self.log.open("a") as log:
            program = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            try:
                yield
            finally:
                program.send_signal(signal.SIGTERM)
                program.wait(30)


def measure(installation: Installation, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the judged traffic, and the seconds of the run that learned."""
    with installation.worker(LEARNING):
        installation.simulate(options.learn_seconds, options.speed)
    began = time.monotonic()
    installation.run("run", "events", "--slot", "now")
    run_seconds = time.monotonic() - began
    with installation.worker(JUDGED):
        time.sleep(SETTLE_SECONDS)
        installation.simulate(options.seconds, options.speed)
        time.sleep(SETTLE_SECONDS)
    return figures(installation.url) | {"run_seconds": round(run_seconds), "speed": options.speed}


def figures(url: str) -> dict[str, Any]:
    """Return what the database recorded of the batches that followed the policy."""
    queries = {"events": EVENTS, "batches": BATCHES, "late": LATE}
    with psycopg.connect(url, row_factory=dict_row) as connection:
        parts = {name: connection.execute(query).fetchone() or {} for name, query in queries.items()}
        sizes = {row["sized_by"]: row["count"] for row in connection.execute(SIZES)}
    missed_share = parts["events"]["missed"] / max(parts["events"]["events"], 1)
    return {"missed_share": round(missed_share, 4), **parts, "batches_by": sizes}


if __name__ == "__main__":
    main()

"""Airflow: ask every ten minutes what is due, and run it. Almanac lives in an environment of its own."""

import os
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

COMMAND = os.environ.get("ALMANAC_COMMAND", "/opt/almanac/.venv/bin/almanac")


@dag(
    schedule=timedelta(minutes=10),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    # Almanac catches up by itself.
    catchup=False,
    max_active_runs=1,
    tags=["almanac"],
)
def almanac() -> None:
    """Run the slots that are due; one that failed fails the task."""

    @task(execution_timeout=timedelta(hours=3))
    def run_what_is_due() -> None:
        subprocess.run([COMMAND, "schedule", "--once"], check=True)  # the command is ours

    run_what_is_due()


almanac()

"""Prefect: ask every ten minutes what is due, and run it. Almanac lives in an environment of its own."""

import os
import subprocess
from datetime import timedelta

from prefect import flow, task

COMMAND = os.environ.get("ALMANAC_COMMAND", "/opt/almanac/.venv/bin/almanac")


@task(timeout_seconds=3 * 3600)
def run_what_is_due() -> None:
    """Run the slots that are due; one that failed fails the task."""
    subprocess.run([COMMAND, "schedule", "--once"], check=True)  # the command is ours


@flow(name="almanac")
def almanac() -> None:
    """Run what is due, without attempts of Prefect: Almanac tries again what may pass."""
    run_what_is_due()


if __name__ == "__main__":
    almanac.serve(name="almanac", interval=timedelta(minutes=10), limit=1)

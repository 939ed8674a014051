"""What `almanac schedule` costs while nothing is due: memory, and CPU per second."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from almanac import discovery
from almanac.project import Project
from almanac.settings import Settings

STARTING_SECONDS = 15


def main() -> None:
    """Start a scheduler of every workload on an empty database and watch it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        os.environ["ALMANAC_STATE"] = folder
        project = Project(Settings.read())
        result = watched(project.database.url, options.seconds)
        project.database.engine.dispose()
    cpu, memory = result["cpu_percent"], result["memory_mb"]
    print(f"{memory:.1f} MB, {cpu:.3f} % of one core over {options.seconds:.0f} s")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def watched(url: str, seconds: float) -> dict[str, float]:
    """Return memory and CPU of a scheduler for which nothing is due within the next hours."""
    later = datetime.now(UTC) + timedelta(hours=8)
    rhythm = f"collect+train {later:%H:%M} UTC; evaluate+predict {later:%H:%M} UTC; catch-up none"
    schedules = {f"ALMANAC_SCHEDULE_{name.upper()}": rhythm for name in discovery.names()}
    environment = os.environ | schedules | {"DATABASE_URL": url}
    command = [sys.executable, "-m", "almanac.runner.schedule"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as scheduler:
        process = psutil.Process(scheduler.pid)
        time.sleep(STARTING_SECONDS)
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds)
        used = sum(process.cpu_times()[:2]) - before
        memory = process.memory_info().rss / 1e6
        scheduler.terminate()
    return {"memory_mb": memory, "cpu_percent": 100 * used / seconds}


if __name__ == "__main__":
    main()

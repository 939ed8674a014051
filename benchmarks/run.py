"""How long a whole run of a workload takes: seconds per step, and how much of them is notebook overhead."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "almanac.cli"]


def main() -> None:
    """Run the workload twice in an empty installation: the first run from nothing, then a further slot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", nargs="?", default="football")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        environment = os.environ | {
            "ALMANAC_STATE": folder,
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            "ALMANAC_ARTIFACT_ROOT": folder,
        }
        results = {name: measured(options.workload, environment) for name in ("from nothing", "further slot")}
    for name, result in results.items():
        show(name, result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def measured(workload: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run one slot and return its seconds, whole and by step, as its record says."""
    started = time.monotonic()
    subprocess.run(
        [*COMMAND, "run", workload, "--slot", "now", "--quiet"],
        env=environment,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - started
    steps = subprocess.run(
        [*COMMAND, "runs", workload, "--limit", "1", "--steps", "--json"],
        env=environment,
        check=True,
        capture_output=True,
    )
    (run,) = json.loads(steps.stdout)
    names = ("step", "seconds", "cell_seconds", "cpu_seconds", "peak_memory_mb")
    return {
        "seconds": round(seconds, 1),
        "rows": run["rows"],
        "steps": [{name: step[name] for name in names} for step in run["step_records"]],
    }


def show(name: str, result: dict[str, Any]) -> None:
    """Print one run."""
    cells = sum(step["cell_seconds"] for step in result["steps"])
    print(
        f"{name}: {result['seconds']:.1f} s, {result['rows']} predictions; "
        f"{cells / result['seconds']:.0%} of it in cells"
    )
    for step in result["steps"]:
        overhead = step["seconds"] - step["cell_seconds"]
        print(
            f"  {step['step']:9} {step['seconds']:6.1f} s, of which {overhead:4.1f} s notebook overhead; "
            f"{step['cpu_seconds']:6.1f} CPU s, {step['peak_memory_mb']:5.0f} MB"
        )


if __name__ == "__main__":
    main()

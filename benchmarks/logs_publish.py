"""How long it takes to read, score, write, audit and publish new log entries, by size.

    python benchmarks/logs_publish.py [--sizes 10000 100000 1000000] [--json PATH]

Needs only the packages of the laboratory. It starts a PostgreSQL of its own in a temporary folder. The
entries are those of logs_search.py: a month at one rate, in sessions of twenty that no model knows. Smaller
sizes are its first hours or days. Three parts are timed apart: the search index, which `almanac run` builds
before it publishes, the start of a process, and the loading of the model.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import skops.io
from _log_month import fill, start_run

from almanac.runner import upkeep
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish
from almanac.store.publishing.incremental import increments, kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.publishing.incremental.increments import Increment, ScoredEntries
from almanac.store.records import runs
from almanac.store.schema.migrate import migrate
from almanac.workloads.logs import features, model, reproduction, scoring
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated

MILLION = 1_000_000
BOUND_SECONDS = 12.0
BOUND_MB = 2_048
PARTS = ("read and score", "write and audit", "publish")
REPORTED = ("rows", "prediction_hash", "covered_until", "input_hash")
HEADERS = (*PARTS, "in all, s", "peak MB", "microseconds each", "search index, s")
IMPORTS = (
    "from almanac.steps import Step; "
    "from almanac.workloads.logs import entries, plots, reproduction, scoring, sources"
)
Answer = TypeVar("Answer")
Row = dict[str, float]


def main() -> int:
    """Measure each size with a version of its own, print, write; return 1 where a bound is missed."""
    arguments = parse_arguments()
    fitted = fitted_model()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        apart = measure_apart(fitted, Path(folder, "model.skops"))
        url = embedded.start(Path(folder, "pg"))
        try:
            rows = measure_sizes(url, fitted, sorted(arguments.sizes))
        finally:
            embedded.stop(Path(folder, "pg"))
    show(rows, apart)
    is_met = all(is_within_bounds(row) for row in rows if row["entries"] <= MILLION)
    if arguments.json:
        bounds = {"seconds": BOUND_SECONDS, "peak_mb": BOUND_MB}
        result = {"sizes": [without_nan(row) for row in rows], "apart": apart, "bounds": bounds}
        arguments.json.write_text(json.dumps(result | {"is_met": is_met}, indent=2) + "\n")
    return 0 if is_met else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, MILLION])
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def fitted_model() -> LogModel:
    """Return a model of the generated statements and sessions."""
    (shop,) = simulated.entries()
    statements = features.build(simulated.statements())
    return model.fit(model.make(), statements, simulated.traces_of(shop))


def measure_apart(fitted: LogModel, path: Path) -> Row:
    """Return the seconds of starting a process with its imports, and of loading the model."""
    skops.io.dump(fitted, path)
    command = [sys.executable, "-c", IMPORTS]
    starting, _ = timed(lambda: subprocess.run(command, check=True))
    loading, _ = timed(lambda: skops.io.load(path, trusted=model.TRUSTED_TYPES))
    return {"process and imports": starting, "model": loading}


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return how many seconds a call takes, and what it returns."""
    begin = time.perf_counter()
    answer = work()
    return time.perf_counter() - begin, answer


@dataclass(frozen=True)
class Case:
    """A version that has scored no entry, with its model and the databases of owner and worker."""

    owner: Database
    worker: Database
    fitted: LogModel
    version: int


def measure_sizes(url: str, fitted: LogModel, sizes: list[int]) -> list[Row]:
    """Return a row per size; each adds entries to those of the size before it."""
    migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
    rows = []
    for version, (after, until) in enumerate(pairwise([0, *sizes]), start=1):
        fill(Database(url), sizes[-1], after=after, until=until)
        rows.append(measure(Case(Database(url), Database(url, "worker"), fitted, version)))
    return rows


def measure(case: Case) -> Row:
    """Return the seconds in which a version publishes all entries."""
    run_id = start_run(case.owner)
    unscored = increments.unscored_entries(case.worker, CONTRACT, case.version)
    scoring_seconds, content = timed(lambda: score(case, unscored))
    part = ScoredEntries(case.version, unscored)
    writing_seconds, staged = timed(lambda: write(case.worker, run_id, content, part))
    indexing_seconds = index(case.owner, staged, unscored.rows)
    request = publish_request(run_id, case.version, staged.summary())
    publishing_seconds, _ = timed(lambda: publish.publish(case.owner, request))
    for database in (case.worker, case.owner):
        database.engine.dispose()
    row = dict(zip(PARTS, (scoring_seconds, writing_seconds, publishing_seconds), strict=True))
    return {"entries": unscored.rows, **row, "search index": indexing_seconds, "peak_mb": peak_mb()}


def score(case: Case, unscored: UnscoredEntries) -> dict[str, pd.DataFrame]:
    """Return the tables of a version that has published nothing yet, as its notebook makes them."""
    past, stamp = scoring.nothing_past(), scoring.Stamp(case.version, datetime.now(UTC))
    content = scoring.score(case.fitted, unscored, past, stamp=stamp)
    unscored.context = reproduction.dependencies(case.fitted, past, content)
    return content


def write(worker: Database, run_id: str, content: dict[str, pd.DataFrame], part: ScoredEntries) -> Increment:
    """Stage the tables of a run, and save the state before it."""
    staged = increments.stage(worker, CONTRACT, run_id, content, scored=part)
    kept_inputs.save(worker, run_id, part.entries)
    return staged


def index(owner: Database, staged: Increment, rows: int) -> float:
    """Return the seconds of making entries searchable; NaN for more than a million, which would take long."""
    if rows > MILLION:
        return math.nan
    return timed(lambda: upkeep.prepare(owner, CONTRACT, staged.span.until))[0]


def publish_request(run_id: str, version: int, summary: dict[str, Any]) -> publish.PublishRequest:
    """Return the request to publish a staged run."""
    reported = {name: summary[name] for name in REPORTED}
    update = runs.RunUpdate(demo=False, simulated=False, model_version=version, **reported)
    return publish.PublishRequest(CONTRACT, run_id, update, "benchmark")


def peak_mb() -> float:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_all(row: Row) -> float:
    """Return the seconds from the first entry that is read to the release."""
    return sum(row[name] for name in PARTS)


def is_within_bounds(row: Row) -> bool:
    """Return whether time and memory keep their bounds."""
    return in_all(row) <= BOUND_SECONDS and row["peak_mb"] <= BOUND_MB


def without_nan(row: Row) -> Row:
    """Return a row without the values that were not measured."""
    return {name: value for name, value in row.items() if not math.isnan(value)}


def show(rows: list[Row], apart: Row) -> None:
    """Print seconds by part and size, and what one more entry costs from one size to the next."""
    print(f"{'entries':>10}" + "".join(f"{name:>17}" for name in HEADERS))
    for row in rows:
        print(line(row))
    for small, large in pairwise(rows):
        print(marginal(small, large))
    print("apart: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in apart.items()))
    print(f"bound: {BOUND_SECONDS:.0f} s and {BOUND_MB:,} MB up to a million entries")


def line(row: Row) -> str:
    """Return a row as text; a dash stands for a value that was not measured."""
    seconds = "".join(f"{value:>17.2f}" for value in (*(row[name] for name in PARTS), in_all(row)))
    each = 1e6 * in_all(row) / row["entries"]
    indexing = f"{row['search index']:>17.2f}".replace("nan", "  -")
    return f"{row['entries']:>10,.0f}{seconds}{row['peak_mb']:>17.0f}{each:>17.1f}{indexing}"


def marginal(small: Row, large: Row) -> str:
    """Return the cost of one more entry, and of a run without entries, between two sizes."""
    cost = (in_all(large) - in_all(small)) / (large["entries"] - small["entries"])
    fixed = max(0.0, in_all(small) - cost * small["entries"])
    sizes = f"from {small['entries']:,.0f} to {large['entries']:,.0f}"
    return f"{sizes}: one more entry costs {1e6 * cost:.1f} µs, a run {fixed:.2f} s"


if __name__ == "__main__":
    sys.exit(main())

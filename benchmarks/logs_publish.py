"""How long it takes to read new log entries, score them, write and audit their predictions, and publish them; and what an entry costs by size.

    python benchmarks/logs_publish.py [--sizes 10000 100000 1000000] [--json PATH]

Needs nothing but the laboratory's packages: it starts a PostgreSQL of its own in a temporary folder. Entries are those of logs_search.py:
a month at one rate, in sessions of twenty that no model knows; smaller sizes are its first hours or days. The search index, which
`almanac run` builds before it publishes, is timed apart, and so are a process that starts and the model that it loads.
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
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import logs_search
import pandas as pd
import skops.io

from almanac.runner import upkeep
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish
from almanac.store.publishing.incremental import increments, kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
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
IMPORTS = "from almanac.steps import Step; from almanac.workloads.logs import entries, plots, replay, scoring, sources"
Answer = TypeVar("Answer")
Row = dict[str, float]


def main() -> int:
    """Measure each size with a version of its own, print, write; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, MILLION])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    fitted = model.fit(
        model.make(), features.build(simulated.statements()), simulated.traces_of(simulated.entries()[0])
    )
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        before = apart(fitted, Path(folder, "model.skops"))
        url = embedded.start(Path(folder, "pg"))
        try:
            migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
            month = Month(Database(url), max(given.sizes))
            rows = [
                measured(month, fitted, version, span)
                for version, span in enumerate(pairwise([0, *sorted(given.sizes)]), 1)
            ]
        finally:
            embedded.stop(Path(folder, "pg"))
    show(rows, before)
    is_met = all(
        in_all(row) <= BOUND_SECONDS and row["peak_mb"] <= BOUND_MB
        for row in rows
        if row["entries"] <= MILLION
    )
    if given.json:
        bounds = {"seconds": BOUND_SECONDS, "peak_mb": BOUND_MB}
        told = [{name: value for name, value in row.items() if not math.isnan(value)} for row in rows]
        given.json.write_text(
            json.dumps({"sizes": told, "apart": before, "bounds": bounds, "is_met": is_met}, indent=2) + "\n"
        )
    return 0 if is_met else 1


def apart(fitted: LogModel, path: Path) -> Row:
    """Return the seconds that a process with its imports takes, and reading the model."""
    skops.io.dump(fitted, path)
    started = timed(lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True))[0]
    return {
        "process and imports": started,
        "model": timed(lambda: skops.io.load(path, trusted=model.TRUSTED_TYPES))[0],
    }


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return how many seconds a call takes, and what it returns."""
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


class Month(NamedTuple):
    """A database, and how many entries its month has in all."""

    owner: Database
    entries: int


def measured(month: Month, fitted: LogModel, version: int, span: tuple[int, int]) -> Row:
    """Add entries up to the end of `span`; return the seconds in which a version that has scored none of them publishes all."""
    owner = month.owner
    logs_search.fill(owner, month.entries, after=span[0], until=span[1])
    with owner.engine.begin() as connection:
        run_id = runs.start(
            connection, runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
        )
    if run_id is None:
        raise SystemExit("The slot is taken: use an empty database.")
    worker = Database(owner.url, "worker")
    unscored = increments.unscored_entries(worker, CONTRACT, version)
    part = increments.ScoredEntries(version, unscored)
    seconds, content = timed(lambda: scored(fitted, unscored, version))
    writing, staged = timed(lambda: write(worker, run_id, content, part))
    indexing = (
        timed(lambda: upkeep.prepare(owner, CONTRACT, staged.span.until))[0]
        if unscored.rows <= MILLION
        else math.nan
    )
    known = staged.summary()
    told = {name: known[name] for name in ("rows", "prediction_hash", "covered_until", "input_hash")}
    order = publish.PublishRequest(
        CONTRACT,
        run_id,
        runs.RunUpdate(demo=False, simulated=False, model_version=version, **told),
        "benchmark",
    )
    publishing, _ = timed(lambda: publish.publish(owner, order))
    worker.engine.dispose()
    owner.engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "entries": unscored.rows,
        **dict(zip(PARTS, (seconds, writing, publishing), strict=True)),
        "search index": indexing,
        "peak_mb": peak,
    }


def scored(fitted: LogModel, unscored: UnscoredEntries, version: int) -> dict[str, pd.DataFrame]:
    """Return the frames of a version that has published nothing yet, as its notebook makes them."""
    past = scoring.nothing_past()
    content = scoring.score(fitted, unscored, past, stamp=scoring.Stamp(version, datetime.now(UTC)))
    unscored.context = reproduction.dependencies(fitted, past, content)
    return content


def write(
    worker: Database, run_id: str, content: dict[str, pd.DataFrame], part: increments.ScoredEntries
) -> increments.Increment:
    """Stage the frames of a run, and keep what it knew."""
    staged = increments.stage(worker, CONTRACT, run_id, content, scored=part)
    kept_inputs.save(worker, run_id, part.entries)
    return staged


def in_all(row: Row) -> float:
    """Return the seconds from the first entry that is read to the release."""
    return sum(row[name] for name in PARTS)


def show(rows: list[Row], before: Row) -> None:
    """Print seconds by part and size, and from one size to the next what one more entry costs."""
    print(
        f"{'entries':>10}"
        + "".join(
            f"{name:>17}" for name in (*PARTS, "in all, s", "peak MB", "microseconds each", "search index, s")
        )
    )
    for row in rows:
        each = 1e6 * in_all(row) / row["entries"]
        parts = "".join(f"{row[name]:>17.2f}" for name in PARTS)
        print(
            f"{row['entries']:>10,.0f}{parts}{in_all(row):>17.2f}{row['peak_mb']:>17.0f}{each:>17.1f}{row['search index']:>17.2f}".replace(
                "nan", "  -"
            )
        )
    for small, large in pairwise(rows):
        marginal = (in_all(large) - in_all(small)) / (large["entries"] - small["entries"])
        fixed = max(0.0, in_all(small) - marginal * small["entries"])
        print(
            f"from {small['entries']:,.0f} to {large['entries']:,.0f}: one more entry costs {1e6 * marginal:.1f} µs, a run {fixed:.2f} s"
        )
    print("apart: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in before.items()))
    print(f"bound: {BOUND_SECONDS:.0f} s and {BOUND_MB:,} MB up to a million entries")


if __name__ == "__main__":
    sys.exit(main())

"""How long it takes to read new log entries, write their predictions, audit and publish them; scoring itself is left out.

    python benchmarks/logs_publish.py [--entries 1000000] [--json PATH]

Needs nothing but the laboratory's packages: it starts a PostgreSQL of its own in a temporary folder. Entries are those of logs_search.py.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import logs_search
import pandas as pd
import pyarrow as pa

from almanac.store import embedded, increments, publish, runs
from almanac.store.database import Database
from almanac.store.migrate import migrate
from almanac.workloads.logs.contract import CONTRACT, LEVELS, SEVERITIES


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        try:
            migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
            logs_search.fill(Database(url), given.entries)
            seconds = measured(Database(url))
        finally:
            embedded.stop(Path(folder, "pg"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()) + f"; in all {sum(seconds.values()):.2f} s, at most {peak:.0f} MB")
    if given.json:
        given.json.write_text(json.dumps({"entries": given.entries, "seconds": seconds, "peak_mb": peak}, indent=2) + "\n")
    return 0


def measured(owner: Database) -> dict[str, float]:
    """Return the seconds of reading, staging and publishing."""
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, runs.Opening(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark"))
    if run_id is None:
        raise SystemExit("The slot is taken: use an empty database.")
    worker, instants = Database(owner.url, "worker"), [time.perf_counter()]
    unscored = increments.unscored(worker, CONTRACT, 1)
    batches = list(unscored)
    instants.append(time.perf_counter())
    content = made_up(batches)
    between = time.perf_counter()
    staged = increments.stage(worker, CONTRACT, run_id, content, part=increments.Part(1, unscored))
    instants.append(instants[-1] + time.perf_counter() - between)
    known = staged.facts()
    facts = runs.Facts(demo=False, simulated=False, **{name: known[name] for name in ("rows", "prediction_hash", "covered_until", "input_hash")})
    between = time.perf_counter()
    publish.publish(owner, publish.Order(CONTRACT, run_id, facts, "benchmark"))
    instants.append(instants[-1] + time.perf_counter() - between)
    worker.engine.dispose()
    owner.engine.dispose()
    return {name: instants[number + 1] - instants[number] for number, name in enumerate(("read", "write and audit", "publish"))}


def made_up(batches: list[pa.Table]) -> dict[str, pd.DataFrame]:
    """Return frames as scoring makes them; the side tables stay empty."""
    found = pa.concat_tables(batches).select(["entry_id", "event_time", "source"]).to_pandas()
    turn = found["entry_id"] % len(LEVELS)
    frame = found.assign(
        level=pd.Series(LEVELS).take(turn).to_numpy(),
        level_confidence=0.9,
        warning_chance=0.1,
        anomaly=turn == 0,
        anomaly_score=0.25,
        anomaly_kind=None,
        severity=pd.Series(SEVERITIES).take(turn).to_numpy(),
        template_id=("template-" + (found["entry_id"] % 200).astype(str)),
        model_version=1,
        predicted_at=pd.Timestamp("2025-05-15T00:00Z"),
    )
    empty = {table.name: pd.DataFrame(columns=table.column_names) for table in CONTRACT.side_tables}
    return empty | {"predictions": frame}


if __name__ == "__main__":
    sys.exit(main())

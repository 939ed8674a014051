"""How long publishing takes beside a bare COPY of the same bytes, and how long a release and a rollback take.

    python benchmarks/publish.py [--json PATH] [--rows 1000 1000000] [--repeats 3]

Needs nothing but the laboratory's packages: it starts a PostgreSQL of its own in a temporary folder (or uses --url, an empty database).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from psycopg import sql

from almanac.contract import Column, Contract, Filter, SumRule, Table
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import ledger, runs
from almanac.store.rows import binary_copy
from almanac.store.rows.canonical import canonical
from almanac.store.schema import contract_tables
from almanac.store.schema.migrate import migrate

RATIO_BOUND = 1.5
SWITCH_BOUND_MS = 10.0
SWITCHES = 30
CONTRACT = Contract(
    name="bench",
    title="Benchmark",
    doc="Made-up predictions.",
    predictions=Table(
        name="predictions",
        key=("entity",),
        columns=(
            Column(name="entity", type="text"),
            Column(name="day", type="date"),
            Column(name="home", type="real", minimum=0.0, maximum=1.0),
            Column(name="draw", type="real", minimum=0.0, maximum=1.0),
            Column(name="away", type="real", minimum=0.0, maximum=1.0),
            Column(name="level", type="real"),
            Column(name="rank", type="integer", minimum=1),
            Column(name="word", type="text"),
        ),
    ),
    order=("day",),
    filters=(Filter(name="word", column="word", op="in"), Filter(name="min_home", column="home", op="min")),
    sums=(SumRule(columns=("home", "draw", "away")),),
    primary_metric="log_loss",
)
TABLE = CONTRACT.predictions


@dataclass(frozen=True)
class Publishing:
    """Seconds of one publishing and of the bare COPY beside it."""

    rows: int
    stage: float
    publish: float
    bare: float
    bare_indexed_after: float

    @property
    def ratio(self) -> float:
        """Publishing (write, audit, publish) over the bare COPY into a table with the same key and indexes."""
        return (self.stage + self.publish) / self.bare


@dataclass(frozen=True)
class Switching:
    """Milliseconds of a release and of a rollback (medians), with the median empty commit of the same disk."""

    rows: int
    release: float
    rollback: float
    empty_commit: float

    @property
    def bound(self) -> float:
        """What both may take: 10 ms, or three empty commits where the disk is slow."""
        return max(SWITCH_BOUND_MS, 3 * self.empty_commit)


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--url", default="")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with database(given.url) as owner:
        published = [publishing(owner, rows, given.repeats) for rows in given.rows]
        switched = [switching(owner, rows) for rows in given.rows]
    is_met = max(published, key=lambda one: one.rows).ratio <= RATIO_BOUND and all(
        max(one.release, one.rollback) <= one.bound for one in switched
    )
    show(published, switched)
    if given.json:
        figures = (
            [asdict(one) | {"ratio": one.ratio} for one in published],
            [asdict(one) | {"bound": one.bound} for one in switched],
        )
        content = {
            "publish_seconds": figures[0],
            "switch_milliseconds": figures[1],
            "ratio_bound": RATIO_BOUND,
            "is_met": is_met,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if is_met else 1


@contextmanager
def database(url: str) -> Iterator[Database]:
    """A migrated database, by default in a server that lives as long as this program."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        home = Path(folder, "pg")
        where = url or embedded.start(home)
        try:
            migrate(Database(where, "login"), {CONTRACT.name: CONTRACT})
            owner = Database(where)
            yield owner
            owner.engine.dispose()
        finally:
            if not url:
                embedded.stop(home)


def made_up(rows: int) -> pd.DataFrame:
    """Return predictions in no particular order."""
    generator = np.random.default_rng(20250415)
    chances = generator.dirichlet((4, 2, 3), rows).round(6)
    numbers = generator.permutation(rows)
    return pd.DataFrame(
        {
            "entity": [f"entity-{number:08d}" for number in numbers],
            "day": pd.Timestamp("2025-04-15") + pd.to_timedelta(numbers % 14, unit="D"),
            "home": chances[:, 0],
            "draw": chances[:, 1],
            "away": 1.0 - chances[:, 0] - chances[:, 1],
            "level": generator.normal(size=rows),
            "rank": numbers + 1,
            "word": np.array(["home", "draw", "away", "home_or_draw"])[numbers % 4],
        }
    )


def publishing(owner: Database, rows: int, repeats: int) -> Publishing:
    """Publish and copy by turns; return the turn with the median ratio."""
    frame = made_up(rows)
    columns = canonical(TABLE, frame).select(sorted(TABLE.column_names))
    data = b"".join(binary_copy.encode(columns))
    turns = []
    for _ in range(repeats):
        stage, released = publish_once(owner, frame)
        turns.append(
            Publishing(
                rows, stage, released, bare_copy(owner, data), bare_copy(owner, data, is_indexed_first=False)
            )
        )
    return sorted(turns, key=lambda turn: turn.ratio)[len(turns) // 2]


def publish_once(owner: Database, frame: pd.DataFrame) -> tuple[float, float]:
    """Return the seconds of writing and auditing, and of publishing."""
    worker, run_id = Database(owner.url, "worker"), begin(owner)
    began = time.perf_counter()
    staged = staging.stage(worker, CONTRACT, run_id, {TABLE.name: frame})
    between = time.perf_counter()
    facts = runs.RunUpdate(
        demo=False, simulated=False, model_version=1, prediction_hash=staged.prediction_hash, rows=staged.rows
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, facts, "benchmark"))
    return between - began, time.perf_counter() - between


def begin(owner: Database) -> str:
    """Start a run."""
    with owner.engine.begin() as connection:
        run_id = runs.start(
            connection, runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
        )
    if run_id is None:
        raise SystemExit("The slot is taken: use an empty database.")
    return run_id


def bare_copy(owner: Database, data: bytes, *, is_indexed_first: bool = True) -> float:
    """Return the seconds of one COPY of these bytes into a new table with the same key and indexes, commit included."""
    names = sql.SQL(", ").join(map(sql.Identifier, sorted(TABLE.column_names)))
    with owner.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS staging.bare")
        connection.execute("CREATE TABLE staging.bare (LIKE almanac.bench_predictions INCLUDING CONSTRAINTS)")
        connection.execute("ALTER TABLE staging.bare ALTER run_id SET DEFAULT 'bare'")
        index = indexing()
        if is_indexed_first:
            connection.execute(index)
        connection.commit()
        began = time.perf_counter()
        with connection.cursor().copy(
            sql.SQL("COPY staging.bare ({}) FROM STDIN (FORMAT binary)").format(names)
        ) as copy:
            copy.write(data)
        if not is_indexed_first:
            connection.execute(index)
        connection.commit()
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE staging.bare")
    return seconds


def indexing() -> sql.Composed:
    """Return the statements that give the bare table the key and the indexes of a run's own table."""
    lists = [
        sql.SQL(", ").join(map(sql.Identifier, columns))
        for columns in contract_tables.indexes(CONTRACT, TABLE)
    ]
    key = sql.SQL("ALTER TABLE staging.bare ADD PRIMARY KEY ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, ("run_id", *TABLE.key)))
    )
    return sql.SQL("; ").join(
        [key, *(sql.SQL("CREATE INDEX ON staging.bare ({})").format(columns) for columns in lists)]
    )


def switching(owner: Database, rows: int) -> Switching:
    """Release and roll back between two runs of this size many times, an empty commit beside each; return the medians."""
    frame = made_up(rows)
    for _ in range(2):
        publish_once(owner, frame)
    with owner.engine.begin() as connection:
        run_id = str(
            connection.exec_driver_sql(
                "SELECT run_id FROM almanac.releases ORDER BY release_id DESC LIMIT 1"
            ).scalar_one()
        )
    release = ledger.NewRelease(run_id, "promote", "benchmark", "benchmark")
    times: dict[str, list[float]] = {"release": [], "rollback": [], "empty": []}
    for _ in range(SWITCHES):
        times["rollback"].append(
            milliseconds(
                owner, lambda connection: ledger.rollback(connection, CONTRACT.name, who="benchmark")
            )
        )
        times["release"].append(milliseconds(owner, lambda connection: ledger.append(connection, release)))
        times["empty"].append(
            milliseconds(owner, lambda connection: connection.exec_driver_sql("SELECT pg_current_xact_id()"))
        )
    medians = {name: statistics.median(values) for name, values in times.items()}
    return Switching(rows, medians["release"], medians["rollback"], medians["empty"])


def milliseconds(owner: Database, work: Callable[..., object]) -> float:
    """Return how long one transaction takes, commit included."""
    began = time.perf_counter()
    with owner.engine.begin() as connection:
        work(connection)
    return 1000 * (time.perf_counter() - began)


def show(published: list[Publishing], switched: list[Switching]) -> None:
    """Print both tables."""
    print(
        f"{'rows':>9}  {'stage s':>8}  {'publish s':>9}  {'bare COPY s':>11}  {'ratio':>6}  {'COPY then index s':>17}"
    )
    for one in published:
        print(
            f"{one.rows:>9,}  {one.stage:>8.3f}  {one.publish:>9.3f}  {one.bare:>11.3f}  {one.ratio:>6.2f}  {one.bare_indexed_after:>17.3f}"
        )
    print(f"bound at the largest: ratio {RATIO_BOUND}\n")
    print(f"{'rows':>9}  {'release ms':>10}  {'rollback ms':>11}  {'empty commit ms':>15}  {'bound ms':>8}")
    for each in switched:
        print(
            f"{each.rows:>9,}  {each.release:>10.2f}  {each.rollback:>11.2f}  {each.empty_commit:>15.2f}  {each.bound:>8.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())

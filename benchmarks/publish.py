"""How long publishing takes beside a bare COPY of the same bytes, and how long a release and a rollback take.

    python benchmarks/publish.py [--json PATH] [--rows 1000 1000000] [--repeats 3]

It needs the laboratory's packages only: it starts a PostgreSQL of its own in a temporary folder, or uses the
empty database of --url.
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
from functools import partial
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
from almanac.store.rows.names import column_list
from almanac.store.schema import contract_tables
from almanac.store.schema.migrate import migrate

RATIO_BOUND = 1.5
SWITCH_BOUND_MS = 10.0
SWITCHES = 30
SEED = 20250415
PUBLISH_HEADER = "     rows   stage s  publish s  bare COPY s   ratio  COPY then index s"
SWITCH_HEADER = "     rows  release ms  rollback ms  empty commit ms  bound ms"
NEWEST_RUN = "SELECT run_id FROM almanac.releases ORDER BY release_id DESC LIMIT 1"
MAKE_BARE_TABLE = """
    DROP TABLE IF EXISTS staging.bare;
    CREATE TABLE staging.bare (LIKE almanac.bench_predictions INCLUDING CONSTRAINTS);
    ALTER TABLE staging.bare ALTER run_id SET DEFAULT 'bare'
"""
COPY = sql.SQL("COPY staging.bare ({}) FROM STDIN (FORMAT binary)")
ADD_KEY = sql.SQL("ALTER TABLE staging.bare ADD PRIMARY KEY ({})")
CREATE_INDEX = sql.SQL("CREATE INDEX ON staging.bare ({})")
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
        """Publishing (write, audit, publish) over the bare COPY into a table with the same indexes."""
        return (self.stage + self.publish) / self.bare


@dataclass(frozen=True)
class Switching:
    """Median milliseconds of a release, of a rollback, and of an empty commit on the same disk."""

    rows: int
    release: float
    rollback: float
    empty_commit: float

    @property
    def bound(self) -> float:
        """The limit for both: 10 ms, or three empty commits where the disk is slow."""
        return max(SWITCH_BOUND_MS, 3 * self.empty_commit)

    @property
    def is_met(self) -> bool:
        """Whether both are within the limit."""
        return max(self.release, self.rollback) <= self.bound


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    options = _options()
    with database(options.url) as owner:
        publishings = [publishing(owner, rows, options.repeats) for rows in options.rows]
        switchings = [switching(owner, rows) for rows in options.rows]
    largest = max(publishings, key=lambda one: one.rows)
    is_met = largest.ratio <= RATIO_BOUND and all(one.is_met for one in switchings)
    print_tables(publishings, switchings)
    if options.json:
        figures = {
            "publish_seconds": [asdict(one) | {"ratio": one.ratio} for one in publishings],
            "switch_milliseconds": [asdict(one) | {"bound": one.bound} for one in switchings],
            "ratio_bound": RATIO_BOUND,
            "is_met": is_met,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if is_met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--url", default="")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def database(url: str) -> Iterator[Database]:
    """A migrated database, by default in a server that lives as long as this program."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        home = Path(folder, "pg")
        place = url or embedded.start(home)
        try:
            migrate(Database(place, "login"), {CONTRACT.name: CONTRACT})
            owner = Database(place)
            yield owner
            owner.engine.dispose()
        finally:
            if not url:
                embedded.stop(home)


def made_up(rows: int) -> pd.DataFrame:
    """Return predictions in no particular order."""
    generator = np.random.default_rng(SEED)
    chances = generator.dirichlet((4, 2, 3), rows).round(6)
    numbers = generator.permutation(rows)
    columns = {
        "entity": [f"entity-{number:08d}" for number in numbers],
        "day": pd.Timestamp("2025-04-15") + pd.to_timedelta(numbers % 14, unit="D"),
        "home": chances[:, 0],
        "draw": chances[:, 1],
        "away": 1.0 - chances[:, 0] - chances[:, 1],
        "level": generator.normal(size=rows),
        "rank": numbers + 1,
        "word": np.array(["home", "draw", "away", "home_or_draw"])[numbers % 4],
    }
    return pd.DataFrame(columns)


def publishing(owner: Database, rows: int, repeats: int) -> Publishing:
    """Publish and copy by turns; return the turn with the median ratio."""
    frame = made_up(rows)
    columns = canonical(TABLE, frame).select(sorted(TABLE.column_names))
    data = b"".join(binary_copy.encode(columns))
    turns = []
    for _ in range(repeats):
        stage, publish_seconds = publish_once(owner, frame)
        bare = bare_copy(owner, data)
        bare_indexed_after = bare_copy(owner, data, is_indexed_first=False)
        turns.append(Publishing(rows, stage, publish_seconds, bare, bare_indexed_after))
    return sorted(turns, key=lambda turn: turn.ratio)[len(turns) // 2]


def publish_once(owner: Database, frame: pd.DataFrame) -> tuple[float, float]:
    """Return the seconds of writing and auditing, and of publishing."""
    worker, run_id = Database(owner.url, "worker"), begin(owner)
    start = time.perf_counter()
    staged = staging.stage(worker, CONTRACT, run_id, {TABLE.name: frame})
    middle = time.perf_counter()
    update = runs.RunUpdate(
        demo=False, simulated=False, model_version=1, prediction_hash=staged.prediction_hash, rows=staged.rows
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, update, "benchmark"))
    return middle - start, time.perf_counter() - middle


def begin(owner: Database) -> str:
    """Start a run."""
    run = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, run)
    if run_id is None:
        raise SystemExit("The slot is taken: use an empty database.")
    return run_id


def bare_copy(owner: Database, data: bytes, *, is_indexed_first: bool = True) -> float:
    """Return the seconds of one COPY into a new table with the same key and indexes, commit included."""
    copy_statement = COPY.format(column_list(sorted(TABLE.column_names)))
    with owner.connect() as connection:
        connection.execute(MAKE_BARE_TABLE)
        if is_indexed_first:
            connection.execute(index_statements())
        connection.commit()
        start = time.perf_counter()
        with connection.cursor().copy(copy_statement) as copy:
            copy.write(data)
        if not is_indexed_first:
            connection.execute(index_statements())
        connection.commit()
        seconds = time.perf_counter() - start
        connection.execute("DROP TABLE staging.bare")
    return seconds


def index_statements() -> sql.Composed:
    """Return the statements that give the bare table the key and the indexes of a run's own table."""
    key = ADD_KEY.format(column_list(("run_id", *TABLE.key)))
    indexes = [
        CREATE_INDEX.format(column_list(columns)) for columns in contract_tables.indexes(CONTRACT, TABLE)
    ]
    return sql.SQL("; ").join([key, *indexes])


def switching(owner: Database, rows: int) -> Switching:
    """Release and roll back between two runs many times, with empty commits; return the medians."""
    frame = made_up(rows)
    for _ in range(2):
        publish_once(owner, frame)
    with owner.engine.begin() as connection:
        run_id = str(connection.exec_driver_sql(NEWEST_RUN).scalar_one())
    promotion = ledger.NewRelease(run_id, "promote", "benchmark", "benchmark")
    rollback = partial(ledger.rollback, workload=CONTRACT.name, who="benchmark")
    works: dict[str, Callable[..., object]] = {
        "rollback": rollback,
        "release": partial(ledger.append, release=promotion),
        "empty": lambda connection: connection.exec_driver_sql("SELECT pg_current_xact_id()"),
    }
    turns = [{name: milliseconds(owner, work) for name, work in works.items()} for _ in range(SWITCHES)]
    medians = {name: statistics.median(turn[name] for turn in turns) for name in works}
    return Switching(rows, medians["release"], medians["rollback"], medians["empty"])


def milliseconds(owner: Database, work: Callable[..., object]) -> float:
    """Return how long one transaction takes, commit included."""
    start = time.perf_counter()
    with owner.engine.begin() as connection:
        work(connection)
    return 1000 * (time.perf_counter() - start)


def print_tables(publishings: list[Publishing], switchings: list[Switching]) -> None:
    """Print both tables."""
    print(PUBLISH_HEADER)
    for one in publishings:
        seconds = f"{one.stage:>8.3f}  {one.publish:>9.3f}  {one.bare:>11.3f}"
        print(f"{one.rows:>9,}  {seconds}  {one.ratio:>6.2f}  {one.bare_indexed_after:>17.3f}")
    print(f"bound at the largest: ratio {RATIO_BOUND}\n")
    print(SWITCH_HEADER)
    for each in switchings:
        times = f"{each.release:>10.2f}  {each.rollback:>11.2f}  {each.empty_commit:>15.2f}"
        print(f"{each.rows:>9,}  {times}  {each.bound:>8.1f}")


if __name__ == "__main__":
    sys.exit(main())

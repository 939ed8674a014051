"""A month of log entries that PostgreSQL generates, and runs of predictions over it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection, sql

from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging_tables
from almanac.store.records import runs
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import recount

DAYS = 30
END = datetime(2025, 5, 15, tzinfo=UTC)
# Each of 200 templates has a word of its own (half a percent of the rows); every second one says "request".
ENTRIES = """
    INSERT INTO almanac.log_entries (
        entry_id, day, received_at, event_time, source, session, level, logger, text)
    SELECT n, %(day)s::date, %(day)s::date + i, %(day)s::date + i, 'source-' || n %% 8,
           'session-' || n / 160 * 8 + n %% 8, 'INFO', 'logger.' || n %% 30,
           format('%%s word%%s took %%s ms at node %%s id %%s', (ARRAY['request', 'reply'])[1 + n / 200 %% 2],
                  n %% 200, n %% 977, n %% 13, md5(n::text))
    FROM (
        SELECT n, (n - %(midnight)s) * (interval '1 day' / %(size)s) AS i
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS numbered"""
PREDICTIONS = """
    INSERT INTO {} (entry_id, event_time, source, level, level_confidence, warning_chance, anomaly,
                    anomaly_score, severity, template_id, model_version, predicted_at)
    SELECT entry_id, event_time, source,
           (ARRAY['debug', 'info', 'info', 'info', 'warning', 'error'])[1 + entry_id % 6], 0.9, 0.1,
           entry_id % 50 = 0,
           CASE WHEN entry_id % 50 = 0 THEN 0.5 + entry_id % 1000 / 2000.0 ELSE 0.1 END,
           (ARRAY['low', 'low', 'low', 'medium', 'high'])[1 + entry_id % 5],
           'template-' || entry_id % 200, 1, event_time
    FROM almanac.log_entries WHERE entry_id > {} AND entry_id <= {}"""
ROLLUPS = """
    INSERT INTO {} (bucket, source, level, severity, entries, anomalies)
    SELECT date_bin('5 minutes', event_time, '2000-01-01Z'), source, level, severity,
           count(*), count(*) FILTER (WHERE anomaly)
    FROM {} GROUP BY 1, 2, 3, 4"""
TEMPLATE_HOURS = """
    INSERT INTO {} (bucket, source, template_id, entries, anomalies)
    SELECT date_trunc('hour', event_time, 'UTC'), source, template_id,
           count(*), count(*) FILTER (WHERE anomaly)
    FROM {} GROUP BY 1, 2, 3"""
USAGE = """
    INSERT INTO {} (source, template_id, entries, anomalies, buckets, first_seen, last_seen)
    SELECT source, template_id, count(*), count(*) FILTER (WHERE anomaly), 1, min(event_time), max(event_time)
    FROM {} GROUP BY 1, 2"""
BLOCKS = "INSERT INTO {} (run_id, block, first_entry, letters)" + recount.BLOCKS.format(rows="{}")
SIDE_TABLES = {
    "rollups": ROLLUPS,
    "hours": ROLLUPS.replace("5 minutes", "1 hour"),
    "template_hours": TEMPLATE_HOURS,
    "usage": USAGE,
    "blocks": BLOCKS,
}


def fill(owner: Database, entries: int, *, after: int = 0, until: int | None = None) -> None:
    """Store the entries after number `after` up to `until`, of a month with as many entries on each day."""
    size = entries // DAYS
    for day in range(DAYS):
        first = max(after, day * size) + 1
        last = min((day + 1) * size, until or entries)
        if first <= last:
            span = {"first": first, "last": last, "midnight": day * size + 1, "size": size}
            fill_day(owner, END - timedelta(days=DAYS - day), span)


def fill_day(owner: Database, moment: datetime, span: dict[str, int]) -> None:
    """Store the entries of a day."""
    day = moment.date()
    with owner.connect() as connection:
        connection.execute("SELECT almanac.log_open_day(%s)", [day])
        connection.execute(ENTRIES.encode(), {"day": day, **span})


def start_run(owner: Database) -> str:
    """Return the id of a new run of predictions."""
    run = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, run)
    if run_id is None:
        raise SystemExit("The slot is taken: use an empty database.")
    return run_id


def predict(owner: Database, after: int, until: int) -> None:
    """Publish a run over a span of entries."""
    run_id = start_run(owner)
    with owner.connect() as connection:
        for table in CONTRACT.released_tables:
            staging_tables.create_table(connection, CONTRACT, table, run_id)
        insert_predictions(connection, run_id, after, until)
        for table in CONTRACT.released_tables:
            staging_tables.create_indexes(connection, CONTRACT, table, run_id)
        prediction_hash = hash_tables(connection, run_id)
    span = {"rows": until - after, "covered_until": until}
    update = runs.RunUpdate(
        demo=False, simulated=False, model_version=1, prediction_hash=prediction_hash, **span
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, update, "benchmark"))


def insert_predictions(connection: "Connection[Any]", run_id: str, after: int, until: int) -> None:
    """Fill the tables of a run."""
    predictions = staged(run_id, "predictions")
    span = sql.Literal(after), sql.Literal(until)
    connection.execute(sql.SQL(PREDICTIONS).format(predictions, *span))
    for name, query in SIDE_TABLES.items():
        connection.execute(sql.SQL(query).format(staged(run_id, name), predictions))


def hash_tables(connection: "Connection[Any]", run_id: str) -> str:
    """Return the hash of the tables of a run."""
    tables = CONTRACT.released_tables
    return combined_hash(
        [table_hash(connection, staged(run_id, table.name), table, run_id) for table in tables]
    )


def staged(run_id: str, name: str) -> sql.Identifier:
    """Return the staging table of a run."""
    return staging_tables.staging_table(CONTRACT, CONTRACT.table(name), run_id)

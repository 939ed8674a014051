"""How long search, analytics and a page of export take over millions of entries in 30 days.

    python benchmarks/logs_search.py [--entries 3000000] [--runs-a-day 288] [--json PATH]

Needs nothing but the laboratory's packages: it starts a PostgreSQL of its own in a temporary folder and a server on the loopback.
Entries and predictions are made up by PostgreSQL itself. The index is as runs every five minutes leave it: the last day was indexed in 288
parts, the days before it in fewer and then laid out anew, as the first run after a day's end does. `--runs-a-day 1`: every day in one go.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
from _serving import serving
from psycopg import sql

from almanac.runner import upkeep
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging_tables
from almanac.store.records import runs
from almanac.store.rows.hashes import combined_hash, table_hash
from almanac.store.schema.migrate import migrate
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import recount

DAYS = 30
TEMPLATES = 200
BOUND_MS = 100.0
# Laying out a day anew leaves no trace of the parts in which it came.
EARLIER_PARTS = 4
ROUNDS = 10
END = datetime(2025, 5, 15, tzinfo=UTC)
# Each of 200 templates has a word of its own (half a percent of the rows); every second one says "request".
ENTRIES = """
    INSERT INTO almanac.log_entries (entry_id, day, received_at, event_time, source, session, level, logger, text)
    SELECT n, %(day)s::date, %(day)s::date + i, %(day)s::date + i, 'source-' || n %% 8, 'session-' || n / 160 * 8 + n %% 8, 'INFO',
           'logger.' || n %% 30, format('%%s word%%s took %%s ms at node %%s id %%s',
                  (ARRAY['request', 'reply'])[1 + n / 200 %% 2], n %% 200, n %% 977, n %% 13, md5(n::text))
    FROM (
        SELECT n, (n - %(midnight)s) * (interval '1 day' / %(size)s) AS i FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS numbered"""
PREDICTIONS = """
    INSERT INTO {} (entry_id, event_time, source, level, level_confidence, warning_chance, anomaly, anomaly_score, severity, template_id,
                    model_version, predicted_at)
    SELECT entry_id, event_time, source, (ARRAY['debug', 'info', 'info', 'info', 'warning', 'error'])[1 + entry_id % 6], 0.9, 0.1, entry_id % 50 = 0,
           CASE WHEN entry_id % 50 = 0 THEN 0.5 + entry_id % 1000 / 2000.0 ELSE 0.1 END,
           (ARRAY['low', 'low', 'low', 'medium', 'high'])[1 + entry_id % 5],
           'template-' || entry_id % 200, 1, event_time
    FROM almanac.log_entries WHERE entry_id > {} AND entry_id <= {}"""
ROLLUPS = """
    INSERT INTO {} (bucket, source, level, severity, entries, anomalies)
    SELECT date_bin('5 minutes', event_time, '2000-01-01Z'), source, level, severity, count(*), count(*) FILTER (WHERE anomaly)
    FROM {} GROUP BY 1, 2, 3, 4"""
HOURS = """
    INSERT INTO {} (bucket, source, template_id, entries, anomalies)
    SELECT date_trunc('hour', event_time, 'UTC'), source, template_id, count(*), count(*) FILTER (WHERE anomaly) FROM {} GROUP BY 1, 2, 3"""
USAGE = """
    INSERT INTO {} (source, template_id, entries, anomalies, buckets, first_seen, last_seen)
    SELECT source, template_id, count(*), count(*) FILTER (WHERE anomaly), 1, min(event_time), max(event_time) FROM {} GROUP BY 1, 2"""
BLOCKS = "INSERT INTO {} (run_id, block, first_entry, letters)" + recount.BLOCKS.format(rows="{}")
FILLED = {
    "predictions": PREDICTIONS,
    "rollups": ROLLUPS,
    "hours": ROLLUPS.replace("5 minutes", "1 hour"),
    "template_hours": HOURS,
    "usage": USAGE,
    "blocks": BLOCKS,
}


def queries() -> dict[str, list[str]]:
    """Return the fixed set of addresses by what they measure."""
    day = f"since={END - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}&until={END - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    rare = [f"/v1/logs/search?q=word{number}" for number in (3, 57, 101, 144, 199)]
    narrowed = [f"/v1/logs/search?q=word{number}&level=error" for number in (5, 65, 125)] + [
        "/v1/logs/search?q=word42 -took&limit=100"
    ]
    phrase = [
        '/v1/logs/search?q="node 7" word20',
        "/v1/logs/search?q=word11 or word12",
        "/v1/logs/search?q=word30&anomaly=true",
    ]
    # The layout of a day brings together what begins alike, so these are read from many more places.
    late = [f"/v1/logs/search?q={number}" for number in (123, 456, 789)] + [
        '/v1/logs/search?q="took 321 ms"',
        "/v1/logs/search?q=654&level=error",
    ]
    return {
        "search, rare words": rare + narrowed + phrase,
        "search, rare words late in a text": late,
        "search, a common word within a day": [
            f"/v1/logs/search?q=request&{day}",
            f"/v1/logs/search?q=request&source=source-2&{day}",
        ],
        "search without words": [
            "/v1/logs/search?anomaly=true",
            f"/v1/logs/search?severity=high&{day}",
            "/v1/logs/search?template=template-17",
        ],
        "analytics": [
            f"/v1/logs/analytics?by={by}&step={step}"
            for by in ("level", "severity", "source")
            for step in ("5m", "1h")
        ]
        + [
            f"/v1/logs/analytics?by=level&step=1d&since={END - timedelta(days=DAYS):%Y-%m-%dT%H:%M:%SZ}",
            "/v1/logs/analytics?by=template&step=1h",
        ],
        "one page of export": ["/v1/logs/search?limit=1000", f"/v1/logs/search?limit=1000&{day}"],
    }


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=3_000_000)
    parser.add_argument("--runs-a-day", type=int, default=288)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        try:
            made = make(Database(url), given.entries, given.runs_a_day)
            with serving(
                url, ALMANAC_CACHE_MB="0", ALMANAC_STATEMENT_TIMEOUT="30", ALMANAC_DEADLINE="30"
            ) as client:
                measured = {kind: measure(client, addresses) for kind, addresses in queries().items()}
        finally:
            embedded.stop(Path(folder, "pg"))
    show(made, measured)
    is_met = all(figures["p95"] <= BOUND_MS for figures in measured.values())
    if given.json:
        content = {
            "entries": given.entries,
            "runs_a_day": given.runs_a_day,
            "seconds": made,
            "milliseconds": measured,
            "bound": BOUND_MS,
            "is_met": is_met,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if is_met else 1


def make(owner: Database, entries: int, runs_a_day: int) -> dict[str, float]:
    """Make entries, index them day by day, predict them in three runs, publish; return how long the parts took in seconds."""
    migrate(Database(owner.url, "login"), {CONTRACT.name: CONTRACT})
    seconds = {"entries": timed(fill, owner, entries)}
    seconds["search index"], seconds["laying out"] = index(owner, entries, runs_a_day)
    parts = [entries * part // 3 for part in range(4)]
    seconds["predictions"] = sum(timed(predict, owner, after, until) for after, until in pairwise(parts))
    with owner.connect(autocommit=True) as connection:
        seconds["vacuum"] = timed(connection.execute, "VACUUM ANALYZE")
    owner.engine.dispose()
    return seconds


def index(owner: Database, entries: int, runs_a_day: int) -> tuple[float, float]:
    """Make the entries searchable as so many runs a day leave them; return the seconds of indexing, and of laying out days that are over."""
    size, indexing = entries // DAYS, 0.0
    for day in range(DAYS):
        parts = runs_a_day if day == DAYS - 1 else min(runs_a_day, EARLIER_PARTS)
        for part in range(1, parts + 1):
            indexing += timed(upkeep.prepare, owner, CONTRACT, day * size + size * part // parts)
    # Each run lays out one day that is over.
    return indexing, sum(
        timed(upkeep.tend, owner, CONTRACT, now=END - timedelta(hours=1))
        for _ in range(DAYS if runs_a_day > 1 else 0)
    )


def timed(work: object, *arguments: object, **named: object) -> float:
    """Return how many seconds a call takes."""
    assert callable(work)  # noqa: S101  # for the type checker
    began = time.perf_counter()
    work(*arguments, **named)
    return time.perf_counter() - began


def fill(owner: Database, entries: int, *, after: int = 0, until: int | None = None) -> None:
    """Store those entries behind number `after` up to `until` of a month that has so many in all, as many on each day."""
    size = entries // DAYS
    for number in range(DAYS):
        first, last = max(after, number * size) + 1, min((number + 1) * size, until or entries)
        if first > last:
            continue
        day = (END - timedelta(days=DAYS - number)).date()
        with owner.connect() as connection:
            connection.execute("SELECT almanac.log_open_day(%s)", [day])
            connection.execute(
                ENTRIES.encode(),
                {"day": day, "first": first, "last": last, "midnight": number * size + 1, "size": size},
            )


def predict(owner: Database, after: int, until: int) -> None:
    """Publish a run over a span of entries."""
    with owner.engine.begin() as connection:
        run_id = runs.start(
            connection, runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
        )
    assert run_id  # noqa: S101  # the slot is this moment
    places = {
        table.name: staging_tables.staging_table(CONTRACT, table, run_id)
        for table in CONTRACT.released_tables
    }
    with owner.connect() as connection:
        for table in CONTRACT.released_tables:
            staging_tables.create_table(connection, CONTRACT, table, run_id)
        for name, query in FILLED.items():
            source = (
                (sql.Literal(after), sql.Literal(until))
                if name == "predictions"
                else (places["predictions"],)
            )
            connection.execute(sql.SQL(query).format(places[name], *source))
        for table in CONTRACT.released_tables:
            staging_tables.create_indexes(connection, CONTRACT, table, run_id)
        hashes = [
            table_hash(connection, places[table.name], table, run_id) for table in CONTRACT.released_tables
        ]
    facts = runs.RunUpdate(
        demo=False,
        simulated=False,
        model_version=1,
        prediction_hash=combined_hash(hashes),
        rows=until - after,
        covered_until=until,
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, run_id, facts, "benchmark"))


def measure(client: httpx.Client, addresses: list[str]) -> dict[str, float]:
    """Ask every address some times, after one round that nobody counts; return median, p95 and the worst in milliseconds."""
    times, worst = [], {}
    for turn in range(ROUNDS + 1):
        for address in addresses:
            began = time.perf_counter()
            answer = client.get(address)
            elapsed = 1000 * (time.perf_counter() - began)
            if answer.status_code != 200:
                raise SystemExit(f"{address}: {answer.text}")
            if turn:
                times.append(elapsed)
                worst[address] = max(elapsed, worst.get(address, 0.0))
    slowest = max(worst, key=lambda address: worst[address])
    print(f"  slowest: {worst[slowest]:.0f} ms {slowest}", file=sys.stderr)
    return {
        "n": len(times),
        "median": statistics.median(times),
        "p95": statistics.quantiles(times, n=20)[-1],
        "worst": max(times),
    }


def show(made: dict[str, float], measured: dict[str, dict[str, float]]) -> None:
    """Print what was measured."""
    print("made in seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in made.items()))
    print(f"{'milliseconds':<38}{'n':>6}{'median':>9}{'p95':>9}{'worst':>9}")
    for kind, figures in measured.items():
        print(
            f"{kind:<38}{figures['n']:>6}{figures['median']:>9.1f}{figures['p95']:>9.1f}{figures['worst']:>9.1f}"
        )
    print(f"bound: p95 {BOUND_MS:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())

"""How long search, analytics and a page of export take over millions of entries in 30 days.

    python benchmarks/logs_search.py [--entries 3000000] [--runs-a-day 288] [--json PATH]

Needs only the packages of the laboratory. It starts a PostgreSQL of its own in a temporary folder and a
server on the loopback. PostgreSQL generates the entries and the predictions.

The index is as runs every five minutes leave it. The last day was indexed in 288 parts. The days before it
were indexed in fewer parts and then rewritten, as the first run after a day's end does. `--runs-a-day 1`
indexes every day at once.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from _log_month import DAYS, END, fill, predict
from _serving import serving

from almanac.runner import upkeep
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate
from almanac.workloads.logs.contract import CONTRACT

BOUND_MS = 100.0
# A day that is rewritten keeps no trace of the parts in which it came.
EARLIER_PARTS = 4
ROUNDS = 10
SEARCH, ANALYTICS = "/v1/logs/search", "/v1/logs/analytics"
Figures = dict[str, float]


def instant(days: int) -> str:
    """Return the instant so many days before the end of the month, as an address writes it."""
    return f"{END - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


DAY = f"since={instant(3)}&until={instant(2)}"
ADDRESSES = {
    "search, rare words": [
        *(f"{SEARCH}?q=word{number}" for number in (3, 57, 101, 144, 199)),
        *(f"{SEARCH}?q=word{number}&level=error" for number in (5, 65, 125)),
        f"{SEARCH}?q=word42 -took&limit=100",
        f'{SEARCH}?q="node 7" word20',
        f"{SEARCH}?q=word11 or word12",
        f"{SEARCH}?q=word30&anomaly=true",
    ],
    # A day is in the order of the beginnings of its texts, so these are read from many more places.
    "search, rare words late in a text": [
        *(f"{SEARCH}?q={number}" for number in (123, 456, 789)),
        f'{SEARCH}?q="took 321 ms"',
        f"{SEARCH}?q=654&level=error",
    ],
    "search, a common word within a day": [
        f"{SEARCH}?q=request&{DAY}",
        f"{SEARCH}?q=request&source=source-2&{DAY}",
    ],
    "search without words": [
        f"{SEARCH}?anomaly=true",
        f"{SEARCH}?severity=high&{DAY}",
        f"{SEARCH}?template=template-17",
    ],
    "analytics": [
        *(
            f"{ANALYTICS}?by={by}&step={step}"
            for by in ("level", "severity", "source")
            for step in ("5m", "1h")
        ),
        f"{ANALYTICS}?by=level&step=1d&since={instant(DAYS)}",
        f"{ANALYTICS}?by=template&step=1h",
    ],
    "one page of export": [f"{SEARCH}?limit=1000", f"{SEARCH}?limit=1000&{DAY}"],
}


def main() -> int:
    """Measure, print, write; return 1 where a bound is missed."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        try:
            preparation = prepare(Database(url), arguments.entries, arguments.runs_a_day)
            figures = measure_all(url)
        finally:
            embedded.stop(Path(folder, "pg"))
    show(preparation, figures)
    is_met = all(row["p95"] <= BOUND_MS for row in figures.values())
    if arguments.json:
        head = {"entries": arguments.entries, "runs_a_day": arguments.runs_a_day, "seconds": preparation}
        result = head | {"milliseconds": figures, "bound": BOUND_MS, "is_met": is_met}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if is_met else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=3_000_000)
    parser.add_argument("--runs-a-day", type=int, default=288)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def prepare(owner: Database, entries: int, runs_a_day: int) -> Figures:
    """Store entries, index them by day, predict them in three runs, publish; return the seconds of each."""
    migrate(Database(owner.url, "login"), {CONTRACT.name: CONTRACT})
    seconds = {"entries": timed(fill, owner, entries)}
    seconds["search index"] = index(owner, entries, runs_a_day)
    seconds["laying out"] = rewrite(owner) if runs_a_day > 1 else 0.0
    ends = [entries * part // 3 for part in range(4)]
    seconds["predictions"] = sum(timed(predict, owner, after, until) for after, until in pairwise(ends))
    with owner.connect(autocommit=True) as connection:
        seconds["vacuum"] = timed(connection.execute, "VACUUM ANALYZE")
    owner.engine.dispose()
    return seconds


def index(owner: Database, entries: int, runs_a_day: int) -> float:
    """Make the entries searchable as so many runs a day do; return the seconds."""
    return sum(timed(upkeep.prepare, owner, CONTRACT, until) for until in index_steps(entries, runs_a_day))


def index_steps(entries: int, runs_a_day: int) -> Iterator[int]:
    """Yield the last entry of each run; earlier days have fewer runs."""
    size = entries // DAYS
    for day in range(DAYS):
        parts = runs_a_day if day == DAYS - 1 else min(runs_a_day, EARLIER_PARTS)
        yield from (day * size + size * part // parts for part in range(1, parts + 1))


def rewrite(owner: Database) -> float:
    """Rewrite the days that are over, one a run; return the seconds."""
    last_run = END - timedelta(hours=1)
    return sum(timed(upkeep.tend, owner, CONTRACT, now=last_run) for _ in range(DAYS))


def timed(work: Callable[..., object], *arguments: Any, **named: Any) -> float:
    """Return how many seconds a call takes."""
    begin = time.perf_counter()
    work(*arguments, **named)
    return time.perf_counter() - begin


def measure_all(url: str) -> dict[str, Figures]:
    """Return the milliseconds of each kind of address, without a cache."""
    limits = {"ALMANAC_STATEMENT_TIMEOUT": "30", "ALMANAC_DEADLINE": "30"}
    with serving(url, ALMANAC_CACHE_MB="0", **limits) as client:
        return {kind: measure(client, addresses) for kind, addresses in ADDRESSES.items()}


def measure(client: httpx.Client, addresses: list[str]) -> Figures:
    """Ask for every address ROUNDS times, after one round that does not count; return milliseconds."""
    times: dict[str, list[float]] = {address: [] for address in addresses}
    for turn in range(ROUNDS + 1):
        for address in addresses:
            elapsed = ask(client, address)
            if turn:
                times[address].append(elapsed)
    worst, slowest = max((max(values), address) for address, values in times.items())
    print(f"  slowest: {worst:.0f} ms {slowest}", file=sys.stderr)
    every = [value for values in times.values() for value in values]
    p95 = statistics.quantiles(every, n=20)[-1]
    return {"n": len(every), "median": statistics.median(every), "p95": p95, "worst": worst}


def ask(client: httpx.Client, address: str) -> float:
    """Return the milliseconds until an answer."""
    begin = time.perf_counter()
    answer = client.get(address)
    elapsed = 1000 * (time.perf_counter() - begin)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.text}")
    return elapsed


def show(preparation: Figures, figures: dict[str, Figures]) -> None:
    """Print the figures."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in preparation.items())
    print(f"prepared in seconds: {parts}")
    print(f"{'milliseconds':<38}{'n':>6}{'median':>9}{'p95':>9}{'worst':>9}")
    for kind, row in figures.items():
        values = "".join(f"{row[name]:>9.1f}" for name in ("median", "p95", "worst"))
        print(f"{kind:<38}{row['n']:>6}{values}")
    print(f"bound: p95 {BOUND_MS:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())

"""Measures parsing and scoring of log entries in one process, without a database."""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from almanac.workloads.logs import features, formats, model, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import INSTANT
from almanac.workloads.logs.sources import simulated
from almanac.workloads.logs.terms import arrays

BATCH = 100_000
MOST_PARSED = 200_000
BLOCK_BYTES = 4 << 20
BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
BETWEEN_ENTRIES = timedelta(milliseconds=100)
OPENERS = [
    f"{opener} {thing}"
    for opener, thing in product(simulated.OPENERS["info"] + simulated.OPENERS["warning"], simulated.THINGS)
]
Figures = dict[str, Any]


def main() -> None:
    """Score each size with the same model, parse a log of the largest, print and write the figures."""
    arguments = parse_arguments()
    fitted = fitted_model()
    rows = [{"entries": size, **score(fitted, size)} for size in arguments.sizes]
    parsing = parse(max(arguments.sizes))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result: Figures = {"scoring": rows, "parsing": parsing, "peak_mb": peak}
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    return parser.parse_args()


def fitted_model() -> LogModel:
    """Return a model of the generated statements and sessions."""
    (shop,) = simulated.entries()
    statements = features.build(simulated.statements())
    return model.fit(model.make(), statements, simulated.traces_of(shop))


def score(fitted: LogModel, size: int) -> Figures:
    """Return the seconds of scoring `size` entries, which are generated beforehand."""
    batches = list(generate(size))
    begin, cpu_begin = time.perf_counter(), time.process_time()
    content = scoring.score(fitted, batches, scoring.nothing_past(), stamp=scoring.Stamp(1, BEGIN))
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
    counts = {name: len(content[name]) for name in ("predictions", "texts")}
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, **counts}


def generate(size: int) -> Iterator[pa.Table]:
    """Yield batches of entries of about 100 bytes with varying numbers; one in five belongs to a session."""
    random = np.random.default_rng(1)
    for first in range(0, size, BATCH):
        yield batch(random, first, min(BATCH, size - first), size // 20 + 1)


def batch(random: np.random.Generator, first: int, count: int, sessions: int) -> pa.Table:
    """Return entries from number `first` + 1 on, in so many sessions."""
    numbers = random.integers(10**6, 10**9, size=(count, 3)).tolist()
    chosen = random.integers(len(OPENERS), size=count).tolist()
    times = [BEGIN + place * BETWEEN_ENTRIES for place in range(first, first + count)]
    columns = {
        "entry_id": pa.array(range(first + 1, first + count + 1), pa.int64()),
        "source": arrays.texts(f"app-{opener % 7}" for opener in chosen),
        "session": arrays.texts(f"s{a % sessions}" if a % 5 == 0 else None for a, _, _ in numbers),
        "event_time": pa.array(times, INSTANT),
        "text": arrays.texts(map(text, chosen, numbers)),
    }
    return pa.table(columns)


def text(opener: int, numbers: list[int]) -> str:
    """Return the text of an entry."""
    a, b, c = numbers
    return f"{OPENERS[opener]} {a} of client /10.1.{b % 256}.{c % 256}:{b} after {c} ms in the store"


def parse(size: int) -> Figures:
    """Return the seconds of CPU of parsing `size` lines as Kafka writes them, at most MOST_PARSED."""
    content = "".join(lines(min(size, MOST_PARSED))).encode()
    blocks = [content[begin : begin + BLOCK_BYTES] for begin in range(0, len(content), BLOCK_BYTES)]
    begin = time.process_time()
    count = sum(part.lines for part in formats.parse(blocks))
    seconds = time.process_time() - begin
    return {"lines": count, "cpu_seconds": seconds, "lines_per_second": count / seconds}


def lines(size: int) -> Iterator[str]:
    """Yield lines as Kafka writes them."""
    for table in generate(size):
        rows = zip(table["event_time"].to_pylist(), table["text"].to_pylist(), strict=True)
        for place, (moment, message) in enumerate(rows):
            yield f"[{moment:%Y-%m-%d %H:%M:%S},{place % 1000:03d}] INFO {message} (shop.Worker)\n"


def show(result: Figures) -> None:
    """Print the figures."""
    last = cost(result["scoring"][-1])
    for row in result["scoring"]:
        seconds = f"{row['seconds']:.2f} s ({row['cpu_seconds']:.2f} s of CPU)"
        ratio = cost(row) / last
        print(
            f"scored {row['entries']:>9,} entries in {seconds}, {ratio:.2f} × the cost per entry of the last"
        )
    parsing = result["parsing"]
    speed = f"{parsing['cpu_seconds']:.2f} s of CPU, {parsing['lines_per_second']:,.0f}/s"
    print(f"parsed {parsing['lines']:,} lines in {speed}")
    print(f"peak memory {result['peak_mb']:.0f} MB")


def cost(row: Figures) -> float:
    """Return the seconds per entry."""
    return float(row["seconds"] / row["entries"])


if __name__ == "__main__":
    main()

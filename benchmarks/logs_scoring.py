"""Measures parsing and scoring of log entries in this process, without a database: seconds, rows a second, peak memory, cost per entry by size."""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from almanac.workloads.logs import features, formats, model, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated

BATCH = 100_000
BEGIN = datetime(2025, 6, 1, tzinfo=UTC)


def main() -> None:
    """Score each size with the same model, parse a log of the largest, print and write what came out."""
    told = arguments()
    fitted = model.fit(
        model.make(), features.build(simulated.statements()), simulated.traces_of(simulated.entries()[0])
    )
    rows = [{"entries": size, **scored(fitted, size)} for size in told.sizes]
    result = {
        "scoring": rows,
        "parsing": parsed(max(told.sizes)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    for row in rows:
        ratio = row["seconds"] / row["entries"] / (rows[-1]["seconds"] / rows[-1]["entries"])
        took = f"{row['seconds']:.2f} s ({row['cpu_seconds']:.2f} s of CPU)"
        print(f"scored {row['entries']:>9,} entries in {took}, {ratio:.2f} × the cost per entry of the last")
    read = result["parsing"]
    print(
        f"parsed {read['lines']:,} lines in {read['cpu_seconds']:.2f} s of CPU, {read['lines_per_second']:,.0f}/s"
    )
    print(f"peak memory {result['peak_mb']:.0f} MB")
    if told.json:
        told.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    return parser.parse_args()


def scored(fitted: LogModel, size: int) -> dict[str, float]:
    """Return the seconds that scoring `size` entries takes, made beforehand."""
    batches = list(made(size))
    begun, cpu = time.perf_counter(), time.process_time()
    told = scoring.score(fitted, batches, scoring.nothing_past(), stamp=scoring.Stamp(1, BEGIN))
    seconds = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}
    return seconds | {"predictions": len(told["predictions"]), "texts": len(told["texts"])}


def made(size: int) -> Iterator[pa.Table]:
    """Yield batches of entries of about 100 bytes: numbers and addresses vary, one in five belongs to a session."""
    random = np.random.default_rng(1)
    openers = [
        f"{opener} {thing}"
        for opener in simulated.OPENERS["info"] + simulated.OPENERS["warning"]
        for thing in simulated.THINGS
    ]
    for first in range(0, size, BATCH):
        count = min(BATCH, size - first)
        numbers = random.integers(10**6, 10**9, size=(count, 3)).tolist()
        chosen = random.integers(len(openers), size=count).tolist()
        texts = [
            f"{openers[at]} {a} of client /10.1.{b % 256}.{c % 256}:{b} after {c} ms in the store"
            for at, (a, b, c) in zip(chosen, numbers, strict=True)
        ]
        sessions = [f"s{a % (size // 20 + 1)}" if a % 5 == 0 else None for a, _, _ in numbers]
        yield pa.table(
            {
                "entry_id": pa.array(range(first + 1, first + count + 1), pa.int64()),
                "source": pa.array([f"app-{at % 7}" for at in chosen], pa.large_string()),
                "session": pa.array(sessions, pa.large_string()),
                "event_time": pa.array(
                    [BEGIN + timedelta(milliseconds=100 * (first + at)) for at in range(count)],
                    pa.timestamp("us", "UTC"),
                ),
                "text": pa.array(texts, pa.large_string()),
            }
        )


def parsed(size: int) -> dict[str, Any]:
    """Return the seconds of CPU that parsing `size` lines as Kafka writes them takes."""
    lines = [
        f"[{time:%Y-%m-%d %H:%M:%S},{at % 1000:03d}] INFO {text} (shop.Worker)\n"
        for batch in made(min(size, 200_000))
        for at, (time, text) in enumerate(
            zip(batch["event_time"].to_pylist(), batch["text"].to_pylist(), strict=True)
        )
    ]
    content = "".join(lines).encode()
    cpu = time.process_time()
    count = sum(
        part.lines
        for part in formats.parse([content[at : at + (4 << 20)] for at in range(0, len(content), 4 << 20)])
    )
    seconds = time.process_time() - cpu
    return {"lines": count, "cpu_seconds": seconds, "lines_per_second": count / seconds}


if __name__ == "__main__":
    main()

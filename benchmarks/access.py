"""What access costs: reads with a token beside reads without access, logins, and memory."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import _load
import _serving
import httpx
import psycopg
from serve_reads import CONSTANT, REST_SECONDS, SLICE_REQUESTS, Slices, published

from almanac.store.connections import embedded
from serve.users.passwords import make_argon2

SECRET = "a made-up secret of the benchmark, long enough"  # noqa: S105  # signs nothing but this
PASSWORD = "four made-up words here"  # noqa: S105
# Many requests come from one address here.
ON = {"ALMANAC_AUTH": "on", "ALMANAC_SECRET": SECRET, "ALMANAC_READ_LIMIT": "0"}
ROUNDS = 9
LOGINS, BATCHES, AT_ONCE = 60, 12, 10


def main() -> None:
    """Publish made-up matches, and measure servers with and without access on them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter for the server, of a venv with serve.txt alone"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        paths = [f"/v1/football/predictions/{identity}" for identity in published(url)]
        random.Random(1).shuffle(paths)  # noqa: S311  # an order that is the same each time, no secret
        add_users(url)
        result = {
            "reads": reads(url, paths, options.python),
            "logins": logins(url, options.python),
            "memory_mb": memory(url, paths, options.python),
        }
        embedded.stop(Path(folder, "pg"))
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(f"{text}\n")


def add_users(url: str) -> None:
    """Add ten users with one password."""
    password_hash = make_argon2().hash(PASSWORD)
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(AT_ONCE):
            values = (uuid4(), f"user{number}", "viewer", password_hash, "benchmark")
            connection.execute("SELECT api.access_add_user(%s, %s, %s, %s, %s)", values)


def reads(url: str, paths: Sequence[str], python: str) -> dict[str, Any]:
    """Alternate slices of cached reads without access and with a token; the share is the median of rounds."""
    with server(url, python) as off, server(url, python, **ON) as on:
        token = asyncio.run(log_in_at_once(url, on.port, 1))[1]
        headed = [with_token(path, token) for path in paths]
        _load.run(off.port, paths, SLICE_REQUESTS)
        _load.send(on.port, headed, SLICE_REQUESTS)
        without, with_access = Slices(off, paths), Slices(on, headed, send=_load.send)
        constant = Slices(off, [CONSTANT])
        for _ in range(ROUNDS):
            for slices in (constant, without, with_access):
                slices.load()
    pairs = list(zip(without.loads, with_access.loads, strict=True))
    shares = sorted(on_load.per_second / off_load.per_second for off_load, on_load in pairs)
    return {
        "share_of_off": round(median(shares), 3),
        "share_of_off_lowest_and_highest": [round(shares[0], 3), round(shares[-1], 3)],
        "constant": constant.figures(),
        "off": without.figures(),
        "on_with_token": with_access.figures(),
    }


def server(url: str, python: str, **variables: str) -> Any:
    """Start Almanac's server with further variables."""
    return _serving.almanac(url, cache_mb=8, python=python, **variables)


def with_token(path: str, token: str) -> bytes:
    """Return a GET request with a token."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def logins(url: str, python: str) -> dict[str, Any]:
    """Log in one at a time, then ten at once, and return the quantiles of what each took."""
    with server(url, python, **ON) as on:
        asyncio.run(log_in_at_once(url, on.port, 1))
        single = [asyncio.run(log_in_at_once(url, on.port, 1))[0] for _ in range(LOGINS)]
        batches = [asyncio.run(log_in_at_once(url, on.port, AT_ONCE))[0] for _ in range(BATCHES)]
    return {
        "one_at_a_time": quantiles([each for batch in single for each in batch]),
        "ten_at_once": quantiles([each for batch in batches for each in batch]),
    }


async def log_in_at_once(url: str, port: int, count: int) -> tuple[list[float], str]:
    """Log in `count` users at once; return the milliseconds of each, and a token."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM almanac.rate_limits")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        # Connections are made before the clock starts.
        await asyncio.gather(*(client.get("/livez") for _ in range(count)))
        results = await asyncio.gather(*(log_in(client, number) for number in range(count)))
    return [milliseconds for milliseconds, _ in results], results[0][1]


async def log_in(client: httpx.AsyncClient, number: int) -> tuple[float, str]:
    """Log in one user; return the milliseconds and the token."""
    started = time.perf_counter()
    sent = {"username": f"user{number}", "password": PASSWORD}
    answer = await client.post("/v1/auth/login", json=sent)
    milliseconds = (time.perf_counter() - started) * 1000
    answer.raise_for_status()
    return milliseconds, str(answer.json()["access_token"])


def quantiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return how many there were, their median and their 95 % quantile."""
    ordered = sorted(milliseconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"n": len(ordered), "p50_ms": round(median(ordered), 1), "p95_ms": round(p95, 1)}


def memory(url: str, paths: Sequence[str], python: str) -> dict[str, float]:
    """Return the server's memory without access, and with it at rest, after ten logins at once, and reads."""
    with server(url, python) as off:
        time.sleep(REST_SECONDS)
        without = off.memory_mb
    with server(url, python, **ON) as on:
        time.sleep(REST_SECONDS)
        at_rest = on.memory_mb
        _, token = asyncio.run(log_in_at_once(url, on.port, AT_ONCE))
        after_logins = on.memory_mb
        _load.send(on.port, [with_token(path, token) for path in paths], SLICE_REQUESTS)
        return {
            "off, at rest": without,
            "on, at rest": at_rest,
            "on, after ten logins at once": after_logins,
            f"and after {SLICE_REQUESTS} reads": on.memory_mb,
        }


if __name__ == "__main__":
    main()

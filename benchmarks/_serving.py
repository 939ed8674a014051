"""Servers that a benchmark starts and stops: Almanac's own, and others to stand beside it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

PATIENCE_SECONDS = 120


@contextmanager
def almanac(url: str, *, cache_mb: float) -> Iterator[tuple[int, psutil.Process, float]]:
    """Start Almanac's server; yield its port, its process and the seconds until it was ready."""
    variables = {"DATABASE_URL": url, "ALMANAC_CACHE_MB": str(cache_mb), "LOG_LEVEL": "INFO"}
    with started([sys.executable, "-m", "serve"], ready="/readyz", variables=variables) as running:
        yield running


@contextmanager
def serving(url: str, **variables: str) -> Iterator[httpx.Client]:
    """Start Almanac's server and yield a client of it."""
    own = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR", **variables}
    server = started([sys.executable, "-m", "serve"], ready="/readyz", variables=own)
    with server as (port, _, _), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client


@contextmanager
def started(
    command: Sequence[str], *, ready: str, variables: Mapping[str, str], folder: Path | None = None
) -> Iterator[tuple[int, psutil.Process, float]]:
    """Start a server on a free port, which replaces {port} in the command.

    Yield the port, the process and the seconds until `ready` was answered with 200.
    """
    port = free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [word.format(port=port) for word in command],
        cwd=folder,
        env=os.environ | {"PORT": str(port)} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not answers(port, ready):
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE_SECONDS:
                raise SystemExit(f"the server did not start: {' '.join(command)}")
            time.sleep(0.005)
        yield port, psutil.Process(process.pid), time.perf_counter() - begun
    finally:
        end(process)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def answers(port: int, path: str) -> bool:
    """Tell whether a server on `port` answers `path` with 200."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    except httpx.TransportError:
        return False


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a server and whatever it started."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
    for child in children:
        if child.is_running():
            child.kill()

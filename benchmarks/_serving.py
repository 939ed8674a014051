"""Servers that a benchmark starts and stops: Almanac's own, and others to stand beside it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

MOST_SECONDS = 120
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """A running server: its port, its process, and the seconds from its start to its first ready answer."""

    port: int
    process: psutil.Process
    start_seconds: float

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the process has taken."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory_mb(self) -> float:
        """The resident memory of the process (RSS)."""
        return round(self.process.memory_info().rss / 1e6, 1)


@contextmanager
def almanac(url: str, *, cache_mb: float, python: str = sys.executable, **further: str) -> Iterator[Server]:
    """Start Almanac's server, with the interpreter of another environment if `python` names one."""
    variables = {"DATABASE_URL": url, "ALMANAC_CACHE_MB": str(cache_mb), "LOG_LEVEL": "INFO", **further}
    # The other environment has the locked packages and not Almanac itself.
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with started([python, "-m", "serve"], ready="/readyz", variables=variables) as server:
        yield server


@contextmanager
def serving(url: str, **variables: str) -> Iterator[httpx.Client]:
    """Start Almanac's server and yield a client of it."""
    own = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR", **variables}
    with started([sys.executable, "-m", "serve"], ready="/readyz", variables=own) as server:
        address = f"http://127.0.0.1:{server.port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client


@contextmanager
def started(
    command: Sequence[str], *, ready: str, variables: Mapping[str, str], folder: Path | None = None
) -> Iterator[Server]:
    """Start a server on a free port, put in for {port}; yield it once `ready` was answered with 200."""
    port = free_port()
    start = time.perf_counter()
    process = subprocess.Popen(
        [word.format(port=port) for word in command],
        cwd=folder,
        env=os.environ | {"PORT": str(port)} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_answer(process, port, ready)
        yield Server(port, psutil.Process(process.pid), time.perf_counter() - start)
    finally:
        end(process)


def wait_for_answer(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    """Wait until a server answers `path` with 200; exits where it has ended or takes too long."""
    deadline = time.perf_counter() + MOST_SECONDS
    while not answers(port, path):
        if process.poll() is not None or time.perf_counter() > deadline:
            raise SystemExit(f"the server did not start: {process.args}")
        time.sleep(0.005)


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

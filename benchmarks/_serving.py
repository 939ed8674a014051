"""The server as users start it, for benchmarks."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ

import httpx


@contextmanager
def serving(url: str, **variables: str) -> Iterator[httpx.Client]:
    """Start the server on a free port of the loopback and yield a client once it is ready; raises SystemExit after twenty seconds."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    own = {**environ, "DATABASE_URL": url, "PORT": str(port), "LOG_LEVEL": "ERROR", **variables}
    server = subprocess.Popen([sys.executable, "-m", "serve"], env=own, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait(client)
            yield client
    finally:
        server.terminate()
        server.wait()


def _wait(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not get ready")

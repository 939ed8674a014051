"""Runs the server for a test: in a thread of this process, or as the program that users start."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

import httpx
import uvicorn
from fastapi import FastAPI

from almanac.contract import Contract
from almanac.settings import Settings
from serve.app import create_app
from serve.http.protocol import Protocol

START_SECONDS = 20.0


@contextmanager
def in_thread(settings: Settings, contracts: Mapping[str, Contract] | None = None) -> Iterator[httpx.Client]:
    """Serve on a free port of the loopback and yield a client for it."""
    with app_in_thread(create_app(settings, contracts)) as client:
        yield client


@contextmanager
def app_in_thread(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application on a free port of the loopback and yield a client for it."""
    config = uvicorn.Config(app, port=0, http=Protocol, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", timeout=30
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


@dataclass
class Program:
    """The server as a process of its own; its log goes to a file, because a full pipe would stop it."""

    process: "subprocess.Popen[str]"
    log: TextIO

    def end(self) -> int:
        """Ask the process to end and return its exit code."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        return self.process.wait(START_SECONDS)

    def written(self) -> str:
        """Return what was logged so far."""
        self.log.seek(0)
        return self.log.read()


@contextmanager
def as_program(
    url: str, *, wait_for: str = "/readyz", **variables: str
) -> Iterator[tuple[httpx.Client, Program]]:
    """Start `python -m serve` on a free port; yield a client and the program once `wait_for` answers 200."""
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": url, "PORT": str(port), **variables}
    with (
        tempfile.TemporaryFile("w+") as log,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        program = Program(
            subprocess.Popen([sys.executable, "-m", "serve"], env=environment, stderr=log, text=True), log
        )
        try:
            wait_until(lambda: program.process.poll() is not None or is_ready(client, wait_for))
            yield client, program
        finally:
            program.end()


def is_ready(client: httpx.Client, path: str = "/readyz") -> bool:
    """Tell whether the server says that it is ready."""
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(happened: object, seconds: float = START_SECONDS) -> None:
    """Wait until the callable `happened` returns something true; raises AssertionError after `seconds`."""
    assert callable(happened)
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, f"nothing happened in {seconds} seconds"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
    return port


def wait_for_release(client: httpx.Client, release: int, workload: str = "football") -> None:
    """Wait until the server answers from this release; a second is what it promises."""
    wait_until(
        lambda: client.get(f"/v1/{workload}/predictions?limit=1").json()["release"] == release, seconds=1.0
    )

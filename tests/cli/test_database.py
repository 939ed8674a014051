"""almanac db …: the embedded server, from nothing to stopped."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from almanac.contract import SCHEMA_REVISION
from tests.installation import ROOT, Installation, wait_until_ready

pytestmark = pytest.mark.slow


@pytest.fixture
def short() -> Iterator[Installation]:
    """An installation with the sources of the checkout, an embedded database and a short path."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        for part in ("src", "serve"):
            Path(folder, part).symlink_to(ROOT / part)
        installation = Installation(Path(folder))
        yield installation
        installation.almanac("db", "stop")


def test_on_the_embedded_database_the_server_takes_data_in_and_ends_with_the_command(
    short: Installation,
) -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    words = [sys.executable, "-m", "almanac.cli", "serve"]
    event = {
        "event_id": "order-1",
        "event_type": "order",
        "event_time": "2025-04-15T06:00:00Z",
        "size_kb": 1.0,
    }
    command = subprocess.Popen(
        words,
        cwd=short.home,
        env=short.environment(ALMANAC_INGEST="1", PORT=str(port)),
        stderr=subprocess.DEVNULL,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        try:
            wait_until_ready(client, command)
            taken_in = client.post("/v1/events", json=event)
        finally:
            command.terminate()
        assert taken_in.json() == {"duplicate": False}
        assert command.wait(20) == 128 + signal.SIGTERM
        with pytest.raises(httpx.ConnectError):
            client.get("/livez")


def test_the_embedded_database_starts_is_migrated_tells_its_url_and_stops(short: Installation) -> None:
    installation = short
    before = json.loads(installation.almanac("db", "status", "--json").stdout)
    started = installation.almanac("db", "start")
    migrated = installation.almanac("db", "migrate")
    status = json.loads(installation.almanac("db", "status", "--json").stdout)
    url = installation.almanac("db", "url", "--role", "reader").stdout.strip()
    with psycopg.connect(url) as reader:
        assert reader.execute("SELECT revision FROM api.schema_version").fetchone() == (SCHEMA_REVISION,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM almanac.runs")
    stopped, again = installation.almanac("db", "stop"), installation.almanac("db", "stop")
    assert before == {"kind": "embedded", "running": False, "revision": None, "needed": SCHEMA_REVISION}
    assert (started.returncode, migrated.returncode) == (0, 0)
    assert status == {
        "kind": "embedded",
        "running": True,
        "revision": SCHEMA_REVISION,
        "needed": SCHEMA_REVISION,
    }
    assert (stopped.stdout, again.stdout) == ("PostgreSQL is stopped.\n", "PostgreSQL was not running.\n")

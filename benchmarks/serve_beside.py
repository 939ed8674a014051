"""Almanac's server beside others that answer for the same matches.

MLflow scores on request; Feast and Datasette look rows up.
"""

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import _load
import _serving
import mlflow
import pandas as pd

from almanac.project import Project
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.records import runs
from almanac.workloads.football.contract import CONTRACT

SLICES = 5
REQUESTS = {
    "almanac": 4_000,
    "almanac, nothing kept": 4_000,
    "mlflow models serve": 200,
    "feast": 800,
    "datasette": 800,
}
# Installed into environments of their own: they do not fit beside Almanac's locked packages.
FEAST, DATASETTE = "feast==0.67.0", "datasette==0.65.5"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Rows:
    """The published rows, the features that the same matches are scored from, and where both came from."""

    settings: Settings
    folder: Path
    predictions: pd.DataFrame
    features: pd.DataFrame
    version: int

    @property
    def identities(self) -> list[str]:
        """The ids of the matches, in an order that is the same each time."""
        shuffled = list(self.predictions[CONTRACT.entity])
        random.Random(1).shuffle(shuffled)  # noqa: S311  # an order, no secret
        return shuffled


@dataclass(frozen=True)
class Running:
    """A server and the requests, one for each match, that are sent to it in turn."""

    port: int
    requests: list[bytes]


def main() -> None:
    """Publish football, load every server that can be installed in alternating slices, and print the figures.

    `--json` also writes them to a file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", choices=["full", "mock"], default="full")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alm") as folder, ExitStack() as stack:
        rows = published(Path(folder), options.sample)
        servers = {
            name: stack.enter_context(start(rows))
            for name, start in STARTS.items()
            if can_start(name, rows.folder)
        }
        result = compared(servers)
    result["matches"] = len(rows.predictions)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def published(folder: Path, sample: str) -> Rows:
    """Run football once in an installation of its own and return what it published."""
    url = embedded.start(folder / "pg")
    os.environ |= {
        "DATABASE_URL": url,
        "ALMANAC_STATE": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    os.environ |= {"ALMANAC_ARTIFACT_ROOT": str(folder)}
    command = [sys.executable, "-m", "almanac.cli"]
    subprocess.run([*command, "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
    completed = subprocess.run(
        [*command, "run", "football", "--sample", sample, "--slot", "now", "--json"],
        check=True,
        stdout=subprocess.PIPE,
    )
    project = Project(Settings.read())
    with project.database.engine.begin() as connection:
        run = runs.get(connection, json.loads(completed.stdout)["run_id"])
    features = pd.read_parquet(
        project.registry.fetch(f"runs:/{run['mlflow_run_id']}/data/scored.parquet", folder)
    )
    with project.database.connect() as connection:
        cursor = connection.execute("SELECT * FROM api.football_live")
        predictions = pd.DataFrame(
            cursor.fetchall(), columns=[column.name for column in cursor.description or ()]
        )
    return Rows(project.settings, folder, predictions, features, run["model_version"])


def almanac(cache_mb: float) -> Callable[[Rows], Any]:
    """Return how to start Almanac's server with so much memory for answers."""

    @contextmanager
    def start(rows: Rows) -> Iterator[Running]:
        with _serving.almanac(os.environ["DATABASE_URL"], cache_mb=cache_mb) as server:
            paths = [f"/v1/football/predictions/{identity}" for identity in rows.identities]
            yield Running(server.port, _load.gets(paths))

    return start


@contextmanager
def mlflow_server(rows: Rows) -> Iterator[Running]:
    """Let MLflow load the registered model and score one match for each request."""
    model = f"models:/{CONTRACT.name}/{rows.version}"
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    inputs = mlflow.models.get_model_info(model).signature.inputs.input_names()
    bodies = [
        json.dumps({"dataframe_split": json.loads(one.to_json(orient="split", index=False))}).encode()
        for one in each(rows.features[inputs])
    ]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        model,
        "-p",
        "{port}",
        "--env-manager",
        "local",
    ]
    # MLflow looks for uvicorn on the path.
    search_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": search_path, "OMP_NUM_THREADS": "1"}
    with _serving.started(command, ready="/ping", variables=variables) as server:
        yield Running(server.port, [_load.posted("/invocations", body) for body in bodies])


def each(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Return the frame row by row, as frames."""
    return (frame.iloc[[number]] for number in range(len(frame)))


@contextmanager
def feast(rows: Rows) -> Iterator[Running]:
    """Let Feast look the same rows up in its SQLite online store."""
    place = rows.folder / "feast"
    frame = rows.predictions.drop(columns="run_id").assign(published_at=pd.Timestamp.now(tz="UTC"))
    texts = [name for name, kind in frame.dtypes.items() if kind.kind not in "bfiM"]
    frame = frame.assign(**{name: frame[name].map(str) for name in texts})
    frame.to_parquet(place / "rows.parquet")
    subprocess.run(
        [place / "bin" / "python", HERE / "_feast_repository.py", place / "rows.parquet", CONTRACT.entity],
        check=True,
        cwd=place,
    )
    features = [
        f"predictions:{name}" for name in frame.columns if name not in (CONTRACT.entity, "published_at")
    ]
    bodies = [
        json.dumps({"features": features, "entities": {CONTRACT.entity: [identity]}}).encode()
        for identity in rows.identities
    ]
    command = [
        str(place / "bin" / "feast"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "--no-access-log",
    ]
    with _serving.started(
        command, ready="/health", variables={"FEAST_USAGE": "False"}, folder=place
    ) as server:
        yield Running(server.port, [_load.posted("/get-online-features", body) for body in bodies])


@contextmanager
def datasette(rows: Rows) -> Iterator[Running]:
    """Let Datasette look the same rows up in SQLite."""
    place = rows.folder / "datasette"
    with sqlite3.connect(place / "football.db") as connection:
        rows.predictions.map(str).to_sql(
            "predictions", connection, index=False, dtype={CONTRACT.entity: "text primary key"}
        )
    command = [
        str(place / "bin" / "datasette"),
        "serve",
        "football.db",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
    ]
    with _serving.started(command, ready="/-/versions.json", variables={}, folder=place) as server:
        paths = [f"/football/predictions/{identity}.json?_shape=objects" for identity in rows.identities]
        yield Running(server.port, _load.gets(paths))


STARTS: dict[str, Callable[[Rows], Any]] = {
    "almanac": almanac(8),
    "almanac, nothing kept": almanac(0),
    "mlflow models serve": mlflow_server,
    "feast": feast,
    "datasette": datasette,
}
PACKAGES = {"feast": FEAST, "datasette": DATASETTE}


def can_start(name: str, folder: Path) -> bool:
    """Install what a server needs into an environment of its own; say so where that cannot be had."""
    if name not in PACKAGES:
        return True
    venv.create(folder / name, with_pip=True)
    pip = [
        folder / name / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGES[name],
    ]
    installed = subprocess.run(pip, check=False, capture_output=True).returncode == 0
    if not installed:
        print(f"{PACKAGES[name]} could not be installed here and is left out.", file=sys.stderr)
    return installed


def compared(servers: dict[str, Running]) -> dict[str, Any]:
    """Load the servers one after the other, several times round; a ratio is the median over the rounds."""
    for name, server in servers.items():
        _load.send(server.port, server.requests, REQUESTS[name] // 4)
    rounds = [
        {name: _load.send(server.port, server.requests, REQUESTS[name]) for name, server in servers.items()}
        for _ in range(SLICES)
    ]
    figures: dict[str, Any] = {
        name: _load.joined([one[name] for one in rounds]).figures() for name in servers
    }
    others = [name for name in servers if not name.startswith("almanac")]
    for ours in ("almanac", "almanac, nothing kept"):
        figures[ours]["times"] = {
            name: round(median(one[ours].per_second / one[name].per_second for one in rounds), 1)
            for name in others
        }
    return figures


if __name__ == "__main__":
    main()

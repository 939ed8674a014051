"""The state of an old program (commit bd1da4d, schema 0004) stays usable.

This holds for its database, its models, its chains of evidence and the input it had read.
"""

import json
import lzma
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from almanac import discovery
from almanac.errors import UsageError
from almanac.operations import reproduce, verify
from almanac.registry import CHAMPION
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.records import releases, versions
from almanac.store.schema import migrate
from almanac.workloads.logs import commands
from tests.installation import Installation
from tests.queries import within
from tests.servers import in_thread
from tests.state.make_state import (
    COMMIT,
    DATABASE,
    FIRST_FILE,
    FIRST_LINES,
    PLACE,
    REGISTRY,
    SECOND_LINES,
    events,
    log_lines,
    relocate,
)

pytestmark = pytest.mark.slow
# Those of both files, and two that a client sent.
EVERY_ENTRY = FIRST_LINES + SECOND_LINES + 2
PERIOD = "since=2024-03-04T00:00:00Z&until=2024-03-10T00:00:00Z"
WORKLOADS = ("events", "football", "games", "logs")
# Model files name these types, so their addresses never change.
# Later types join the lists of the workloads, not this one.
TRUSTED = {
    "events": {
        "almanac.workloads.events.estimators.RelativeLine",
        "almanac.workloads.events.estimators.SecondsAndBound",
        "sklearn._loss._loss.CyPinballLoss",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    },
    "football": {
        "almanac.workloads.football.estimators.LeagueRates",
        "almanac.workloads.football.estimators.LogPool",
        "almanac.workloads.football.estimators.contrasts",
        "almanac.workloads.football.estimators.log_odds",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    },
    "games": {
        "almanac.workloads.games.blend.Blend",
        "almanac.workloads.games.blend.TwoLists",
        "almanac.workloads.games.content.Content",
        "almanac.workloads.games.content.Popularity",
        "almanac.workloads.games.encoding.FieldEncoder",
        "almanac.workloads.games.played.Ease",
        "almanac.workloads.games.played.ItemItem",
        "almanac.workloads.games.played.Trending",
    },
    "logs": {
        "almanac.workloads.logs.anomaly.SessionModel",
        "almanac.workloads.logs.estimators.TextLevels",
        "almanac.workloads.logs.model.LogModel",
    },
}
# Of TRUSTED, the classes and functions of ours that the archived champions consist of.
NAMED = {
    "events": {"estimators.RelativeLine", "estimators.SecondsAndBound"},
    "football": {"estimators.LogPool", "estimators.contrasts"},
    "games": {
        "blend.Blend",
        "blend.TwoLists",
        "content.Content",
        "content.Popularity",
        "encoding.FieldEncoder",
        "played.Ease",
        "played.ItemItem",
        "played.Trending",
    },
    "logs": {"anomaly.SessionModel", "estimators.TextLevels", "model.LogModel"},
}


@dataclass(frozen=True)
class State:
    """The installation with the old state, its row counts around `migrate`, and a client of its server."""

    installation: Installation
    rows_before: dict[str, int]
    rows_after: dict[str, int]
    revision: str
    client: httpx.Client

    def live(self, workload: str) -> Mapping[str, Any]:
        with self.installation.project() as project:
            release = within(project.database, releases.live, workload)
        assert release is not None
        return dict(release)

    def read(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def first_row(self, workload: str) -> dict[str, Any]:
        row: dict[str, Any] = self.read(f"/v1/{workload}/predictions?limit=1")["rows"][0]
        return row


def unpack(home: Path) -> None:
    """Unpack the MLflow store and make a git repository that has the commit of its runs.

    The clone of the project may be shallow and lack that commit.
    """
    with lzma.open(REGISTRY) as content, tarfile.open(fileobj=content) as archive:
        archive.extractall(home, filter="data")
    relocate(home / "mlruns" / "mlflow.db", PLACE, str(home))
    for words in (["init", "-q"], ["hash-object", "-t", "commit", "-w", "commit.txt"]):
        subprocess.run(["git", *words], cwd=home, check=True, stdout=subprocess.DEVNULL)


def restore(url: str) -> None:
    """Restore the dump into an empty database; the roles that own its tables exist already."""
    with psycopg.connect(url) as connection:
        connection.execute(migrate.BOOTSTRAP.read_bytes())
        connection.execute("DROP SCHEMA almanac, api, staging CASCADE")
    psql = str(embedded.program("psql"))
    command = [psql, "-Xq1", "--output=/dev/null", "--set=ON_ERROR_STOP=1", f"--dbname={url}"]
    subprocess.run(command, input=lzma.decompress(DATABASE.read_bytes()), check=True)


def counted(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    with psycopg.connect(url) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'almanac'::regnamespace AND relkind = 'r'"
        names = [name for (name,) in connection.execute(query)]
        count = sql.SQL("SELECT count(*) FROM almanac.{}")
        cursors = {name: connection.execute(count.format(sql.Identifier(name))) for name in names}
        return {name: cursor.fetchall()[0][0] for name, cursor in cursors.items()}


@pytest.fixture(scope="module")
def state(cluster: str, registry_loaded: None) -> Iterator[State]:
    """The old state in a home and a database of its own, migrated by the present program and served."""
    name = f"state_{uuid4().hex[:8]}"
    url = make_conninfo(cluster, dbname=name)
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
    with pytest.MonkeyPatch.context() as environment, tempfile.TemporaryDirectory(prefix="alm") as folder:
        for field in Settings.model_fields.values():
            environment.delenv(str(field.alias), raising=False)
        unpack(Path(folder))
        restore(url)
        before = counted(url)
        revision = migrate.migrate(Database(url, "login"), discovery.contracts())
        with in_thread(Settings(database_url=url, ingest=True)) as client:
            client.headers["Host"] = "localhost"
            yield State(Installation(Path(folder), url), before, counted(url), revision, client)
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@cache
def classes_of_champions() -> dict[str, set[str]]:
    """Return the addresses of every class and function that the archived model files name."""
    named: dict[str, set[str]] = {}
    with lzma.open(REGISTRY) as content, tarfile.open(fileobj=content, mode="r|") as archive:
        for member in archive:
            if member.name.endswith("model.skops"):
                file = archive.extractfile(member)
                assert file is not None
                workload = member.name.split("/")[2]
                with tempfile.TemporaryFile() as copy:
                    shutil.copyfileobj(file, copy)
                    schema = json.loads(zipfile.ZipFile(copy).read("schema.json"))
                named.setdefault(workload, set()).update(addresses(schema))
    return named


def addresses(node: Any) -> Iterator[str]:
    """Yield the address of each class, type or function that a part of a skops schema names."""
    if isinstance(node, dict):
        if "__class__" in node and "__module__" in node:
            yield f"{node['__module__']}.{node['__class__']}"
        for part in node.values():
            yield from addresses(part)
    elif isinstance(node, list):
        for part in node:
            yield from addresses(part)


def is_importable(address: str) -> bool:
    module, _, name = address.rpartition(".")
    return hasattr(import_module(module), name)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_types_that_a_workload_trusted_stay_trusted_and_at_their_addresses(workload: str) -> None:
    model: Any = discovery.module(workload, "model")
    assert TRUSTED[workload] <= set(model.TRUSTED_TYPES)
    assert [address for address in sorted(TRUSTED[workload]) if not is_importable(address)] == []


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_class_that_an_old_champion_names_can_be_imported(workload: str) -> None:
    named = classes_of_champions()[workload]
    ours = {f"almanac.workloads.{workload}.{name}" for name in NAMED[workload]}
    assert {address for address in named if address.startswith("almanac.")} == ours <= TRUSTED[workload]
    assert [address for address in sorted(named) if not is_importable(address)] == []


def test_migrating_an_old_database_keeps_every_row(state: State) -> None:
    assert state.revision >= "0004"
    # Further SQL of a workload is noted in this table when it is applied.
    before = {name: count for name, count in state.rows_before.items() if name != "workload_migrations"}
    assert {name: state.rows_after.get(name) for name in before} == before
    assert [name for name in ("releases", "runs", "log_ids", "events_batches") if not before[name]] == []


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_old_release_answers_lists_and_single_predictions(state: State, workload: str) -> None:
    live = state.live(workload)
    answer = state.read(f"/v1/{workload}/predictions?limit=2")
    assert (answer["release"], answer["run"], answer["model_version"]) == (
        live["release_id"],
        live["run_id"],
        1,
    )
    assert len(answer["rows"]) == 2
    entity = answer["rows"][0][discovery.contract(workload).entity]
    single = state.read(f"/v1/{workload}/predictions/{entity}")
    assert (single["release"], single["row"]) == (live["release_id"], answer["rows"][0])
    releases = state.read(f"/v1/{workload}/releases")["rows"]
    assert releases[0]["release"] == live["release_id"]
    assert releases[0]["runs"] == list(live["run_ids"])
    run = state.read(f"/v1/{workload}/runs/{live['run_id']}")["run"]
    assert run["git_commit"].startswith(COMMIT)
    assert [step["step"] for step in run["steps"]] == ["collect", "train", "evaluate", "predict"]


def test_an_incremental_release_answers_from_both_runs_and_the_older_release_from_one(
    state: State,
) -> None:
    newer, older = state.read("/v1/logs/releases")["rows"]
    assert newer["runs"] == [*older["runs"], newer["run"]]
    assert state.read("/v1/logs/search?limit=1")["total"] == EVERY_ENTRY
    instant = older["published_at"].replace("+", "%2B")
    assert state.read(f"/v1/logs/stats?as_of={instant}&{PERIOD}")["entries"] == FIRST_LINES
    assert state.read(f"/v1/logs/stats?{PERIOD}")["entries"] == EVERY_ENTRY
    entry = state.read("/v1/logs/entries/gate-4%2F1")["row"]
    assert entry["text"] == "Gate 4 is slow"
    for number, status in ((1, 200), (entry["entry_id"], 404)):
        answer = state.read(f"/v1/logs/predictions/{number}")
        assert (answer["release"], answer["row"]["entry_id"]) == (newer["release"], number)
        assert state.client.get(f"/v1/logs/predictions/{number}?as_of={instant}").status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/v1/workloads",
        "/v1/events/batches",
        "/v1/events/policy?backlog=4&age_seconds=0.5&avg_kb=2.5&hour=6",
        "/v1/events/stats",
        "/v1/football/leagues",
        "/v1/football/picks",
        "/v1/football/results",
        "/v1/football/statistics",
        "/v1/games/model",
        "/v1/logs/alerts",
        "/v1/logs/anomalies",
        "/v1/logs/templates",
    ],
)
def test_the_specific_routes_of_a_workload_answer_from_the_old_state(state: State, path: str) -> None:
    assert state.read(path)


@contextmanager
def recommended_as_similar(state: State, game: str) -> Iterator[None]:
    """Remove a game's own list for a while; without data of players, no game has one."""
    change = b"UPDATE almanac.games_predictions SET recommended = %s WHERE run_id = %s AND game_id = %s"
    run_id = state.live("games")["run_id"]
    with psycopg.connect(state.installation.url) as connection:
        query = b"SELECT recommended::text FROM almanac.games_predictions WHERE run_id = %s AND game_id = %s"
        [(before,)] = connection.execute(query, [run_id, game]).fetchall()
    for value in (None, before):
        with state.installation.without_triggers() as connection:
            assert connection.execute(change, [value, run_id, game]).rowcount == 1
        if value is None:
            yield


def test_recommendations_of_an_old_game_without_its_own_list_are_the_similar_games(state: State) -> None:
    without, with_list = (row["game_id"] for row in state.read("/v1/games/predictions?limit=2")["rows"])
    with recommended_as_similar(state, without):
        lists = {
            game: [
                state.read(f"/v1/games/catalogue/{game}/{kind}")["rows"]
                for kind in ("recommendations", "similar")
            ]
            for game in (without, with_list)
        }
    assert lists[without][0] == lists[without][1] != []
    assert lists[with_list][0] != lists[with_list][1]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_an_old_champion_is_loaded_by_the_types_that_its_workload_trusts(state: State, workload: str) -> None:
    model: Any = discovery.module(workload, "model")
    with state.installation.project() as project:
        number = project.registry.alias(workload, CHAMPION)
        assert number is not None
        assert number == state.live(workload)["model_version"]
        version = within(project.database, versions.get, workload, number)
        pipeline = project.registry.load(
            workload, number, artifact_hash=version["artifact_hash"], trusted_types=model.TRUSTED_TYPES
        )
    assert hasattr(pipeline, "predict")


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_chain_of_an_old_release_is_whole(state: State, workload: str) -> None:
    with state.installation.project() as project:
        links = verify.verify(project, state.live(workload)["run_id"])
    assert [(link.name, link.detail) for link in links if link.state not in ("ok", "none")] == []
    names = {link.name for link in links if link.state == "ok"}
    notebooks = {f"notebook {step}" for step in ("collect", "train", "evaluate", "predict")}
    assert {
        "run",
        *notebooks,
        "training data",
        "scored data",
        "model version 1",
        "predictions",
        "commit",
    } <= names


@pytest.mark.parametrize("workload", WORKLOADS)
def test_reproducing_an_old_run_with_another_program_needs_a_flag_and_names_the_differences(
    state: State, workload: str
) -> None:
    run_id = state.live(workload)["run_id"]
    with state.installation.project() as project:
        with pytest.raises(UsageError, match="was made by another program") as refused:
            reproduce.reproduce(project, run_id)
        again = reproduce.reproduce(project, run_id, anyway=True)
    assert refused.value.exit_code == 2
    for difference in (f"commit was {COMMIT}", "code was ", "lock file was "):
        assert difference in str(refused.value)
        assert any(each.startswith(difference) for each in again.differences)


def test_a_log_file_is_not_stored_twice(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / FIRST_FILE
    path.write_text(log_lines(0, FIRST_LINES))
    with state.installation.project() as project:
        monkeypatch.setattr(commands, "Project", lambda _settings: project)
        commands.ingest_command([path], json=True)
    read = json.loads(capsys.readouterr().out)[str(path)]
    assert read == {"lines": FIRST_LINES, "raw": 0, "stored": {"accepted": 0, "duplicate": FIRST_LINES}}


def test_entries_and_events_sent_before_are_duplicates(state: State) -> None:
    entry = {"id": "gate-4/1", "source": "gate", "text": "Gate 4 is slow"}
    answer = state.client.post("/v1/logs", json=[entry]).json()
    assert (answer["accepted"], answer["duplicate"]) == (0, 1)
    answer = state.client.post("/v1/events/bulk", json=events(0, 50)).json()
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (0, 50, 0)

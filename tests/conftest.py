"""Fixtures of several test files: a local server, PostgreSQL, a fresh database for each test, a stub."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from almanac import discovery, workloads
from almanac.contract import Contract
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.schema.migrate import migrate
from tests.installation import WORKLOAD, Installation, build, commit
from tests.local_server import LocalServer, local_server
from tests.stub import STUB

# jsonschema builds a grammar of IRIs when it is imported, which takes two seconds in each worker.
# No schema here has an IRI.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


SLOW_FIXTURES = frozenset({"cluster", "installation", "empty_installation", "registry_loaded"})


@pytest.fixture(autouse=True)
def no_handler_is_left_behind() -> Iterator[None]:
    """Remove the log handlers of commands in this process: their output ends with the test."""
    before = set(logging.root.handlers)
    yield
    for handler in set(logging.root.handlers) - before:
        logging.root.removeHandler(handler)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A server on the loopback that answers as the test tells it."""
    with local_server() as local:
        yield local


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL server: ALMANAC_TEST_DATABASE_URL, or an embedded one for these tests."""
    url = os.environ.get("ALMANAC_TEST_DATABASE_URL")
    if url:
        yield url
        return
    # A short path: PostgreSQL puts its socket beside its data, and such paths may not be long.
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        yield _unsafe_but_fast(embedded.start(Path(folder, "pg")))
        embedded.stop(Path(folder, "pg"))


@pytest.fixture(scope="session")
def template(cluster: str) -> str:
    """The name of a migrated database that tests copy."""
    name = f"template_{uuid4().hex[:8]}"
    _execute(cluster, f"CREATE DATABASE {name}")
    migrate(Database(make_conninfo(cluster, dbname=name), "login"), discovery.contracts() | {STUB.name: STUB})
    return name


@pytest.fixture
def database_url(cluster: str, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database with the tables of every workload and of the stub."""
    name = f"test_{uuid4().hex[:12]}"
    _execute(cluster, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield make_conninfo(cluster, dbname=name)
    _execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def owner(database_url: str) -> Iterator[Database]:
    """The fresh database in the role of its owner."""
    yield from _opened(Database(database_url, "owner"))


@pytest.fixture
def worker(database_url: str) -> Iterator[Database]:
    """The fresh database in the role of a worker."""
    yield from _opened(Database(database_url, "worker"))


@pytest.fixture
def reader(database_url: str) -> Iterator[Database]:
    """The fresh database in the role of a reader."""
    yield from _opened(Database(database_url, "reader"))


@pytest.fixture
def stub() -> Contract:
    """A small workload without notebooks."""
    return STUB


@pytest.fixture
def settings(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an installation in a temporary folder on the fresh database; without network."""
    for name in (field.alias for field in Settings.model_fields.values() if field.alias):
        monkeypatch.delenv(name, raising=False)
    return Settings(home=tmp_path, database_url=database_url, offline=True, actor="tester")


@contextmanager
def built(cluster: str) -> Iterator[Installation]:
    """An installation with a generated workload, on a database of its own."""
    name = f"house_{uuid4().hex[:8]}"
    _execute(cluster, f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        yield build(Path(folder), make_conninfo(cluster, dbname=name))
    _execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def installation(cluster: str) -> Iterator[Installation]:
    """An installation under version control whose generated workload has run once, at the present slot."""
    with built(cluster) as installation:
        commit(installation)
        ran = installation.almanac("run", WORKLOAD, "--sample", "mock")
        assert ran.returncode == 0, ran.stderr
        installation.note_first_run(ran)
        yield installation


@pytest.fixture(scope="session")
def empty_installation(cluster: str) -> Iterator[Installation]:
    """An installation in which nothing has run yet."""
    with built(cluster) as installation:
        yield installation


@pytest.fixture
def untouched_installation(cluster: str) -> Iterator[Installation]:
    """An installation for one test alone; nothing runs in it before."""
    with built(cluster) as installation:
        yield installation


@pytest.fixture(scope="session")
def registry_loaded() -> None:
    """MLflow, loaded without the warnings that it gives itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("mlflow.sklearn")
        import_module("mlflow.store.tracking.sqlalchemy_store")


@pytest.fixture
def loaded_installation(
    installation: Installation, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """The installation, its workload and its environment known to this process."""
    for name, value in installation.environment().items():
        monkeypatch.setenv(name, value)
    folder = installation.home / "src" / "almanac" / "workloads"
    monkeypatch.setattr(discovery, "WORKLOADS", folder)
    monkeypatch.setattr(workloads, "__path__", [*workloads.__path__, str(folder)])
    return installation


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests that need PostgreSQL, MLflow or an installation out of `make test-fast`.

    Runs of notebooks come before the tests that need a finished one.
    """
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(
        key=lambda item: (
            "empty_installation" in getattr(item, "fixturenames", ())
            and item.path.name != "test_notebooks.py"
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Send tests that share an installation or a fixture of their file to one worker.

    pytest-xdist 3.8 ignores its own marks under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneWorker(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shared(nodeid.partition("::")[0]) or nodeid

    return OneWorker(config, log)


@cache
def _shared(name: str) -> str:
    text = (Path(__file__).parents[1] / name).read_text()
    fixtures = ("empty_installation", "loaded_installation", "installation")
    used = next((name for name in fixtures if f"{name}: Installation" in text), "")
    return used.removeprefix("loaded_") or (name if 'scope="module"' in text else "")


def _opened(database: Database) -> Iterator[Database]:
    yield database
    database.engine.dispose()


def _unsafe_but_fast(url: str) -> str:
    """Let a server write without waiting for the disk: its data need not survive a loss of power.

    Dropping a database then takes some 20 ms instead of up to two seconds.
    """
    for setting in ("fsync", "full_page_writes"):
        _execute(url, f"ALTER SYSTEM SET {setting} = off")
    _execute(url, "SELECT pg_reload_conf()")
    return url


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())

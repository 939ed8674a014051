"""A site with releases, runs and notebooks for pages, and a browser that looks at them."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright
from psycopg.conninfo import make_conninfo

from almanac import discovery
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.records import notebooks, runs
from tests.games_samples import GamesPublisher, predicted
from tests.serve.publishing import Publisher, match, result
from tests.servers import in_thread
from tests.stub import STUB, content, release

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome-stable", "google-chrome")
HOSTILE = "<script>alert(1)</script> \u202e \" onload='x'"


@dataclass
class Site:
    """A server with something on every page, and the ids that addresses need."""

    client: httpx.Client
    publisher: Publisher
    run: str
    failed: str

    @property
    def address(self) -> str:
        """The address of the server."""
        return str(self.client.base_url)


@pytest.fixture(scope="module")
def site(cluster: str, template: str) -> Iterator[Site]:
    """Two releases of football, one of the stub, one of games, a run that failed, and a notebook."""
    name = f"pages_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    publisher = Publisher(database)
    for version, log_loss in ((1, 1.04), (2, 1.01)):
        publisher.register(version, metrics={"log_loss": log_loss, "rps": 0.2})
    publisher.publish([match(number, home_win=0.4) for number in range(10)], version=1)
    run = publisher.publish(
        [match(number) for number in range(12)], version=2, results=[result(0, 2, 1), result(1, 0, 0)]
    )
    release(database, content(60))
    GamesPublisher(database).publish(predicted("content"))
    with database.engine.begin() as connection:
        opening = runs.NewRun("football", datetime(2025, 4, 20, tzinfo=UTC), ("collect",), "mock", "tester")
        failed = runs.start(connection, opening)
        assert failed
        runs.finish(connection, failed, "failed", HOSTILE)
        notebooks.store(connection, "football", run, "predict", b"<h1>Predict</h1><script>alert(1)</script>")
    settings = Settings(database_url=database.url, mlflow_url="https://mlflow.example")
    with in_thread(settings, {**discovery.contracts(), "stub": STUB}) as client:
        yield Site(client, publisher, run, failed)
    database.engine.dispose()


def executable() -> str | None:
    """Return the browser of this machine, or None."""
    chosen = os.environ.get("ALMANAC_TEST_BROWSER")
    return next((path for name in (chosen, *BROWSERS) if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser; without one the tests are skipped, but not where CI runs them."""
    with sync_playwright() as playwright:
        path = executable()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            message = "No browser is installed here. Run: make browser"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()

"""The bench on which the runner's tests work."""

from pathlib import Path

import pytest

from almanac import discovery
from almanac.project import Project
from almanac.runner import pages
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.records import versions
from tests.runner.workbench import NAMES, OPEN, PARAMETERS, PUBLISH, REPORT, VERSION, Bench, FakeRegistry
from tests.stub import STUB

TESTS = Path(__file__).parents[1]


@pytest.fixture
def bench(settings: Settings, owner: Database, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench on the fresh database with four notebooks that work; predict publishes ten rows."""
    contracts = {STUB.name: STUB}
    monkeypatch.setattr(discovery, "contract", contracts.__getitem__)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # A registry made of lists has no pages.
    monkeypatch.setattr(pages, "write", lambda *_: None)
    project, registry = Project(settings), FakeRegistry()
    project.__dict__.update({"registry": registry, "database": owner})
    bench = Bench(project, registry, contracts)
    for step in NAMES:
        bench.write(
            step, PARAMETERS + OPEN.format(step=step) + REPORT + (PUBLISH if step == "predict" else "")
        )
    with owner.engine.begin() as connection:
        versions.add(connection, VERSION)
    return bench

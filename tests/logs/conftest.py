"""What the tests of logs share."""

from collections.abc import Iterator

import pytest
from made_logs import fitted

from almanac.project import Project
from almanac.settings import Settings
from almanac.workloads.logs import commands
from almanac.workloads.logs.model import LogModel


@pytest.fixture(scope="session")
def log_model() -> LogModel:
    """A model of the generated statements and sessions."""
    return fitted()


@pytest.fixture
def commanded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An installation on the test's own database, which the commands of logs take for theirs."""
    opened = Project(settings)
    monkeypatch.setattr(commands, "Project", lambda _settings: opened)
    yield opened
    opened.database.engine.dispose()

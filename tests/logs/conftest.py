"""Fixtures that the tests of logs share."""

from collections.abc import Iterator

import pytest

from almanac.project import Project
from almanac.settings import Settings
from almanac.workloads.logs import commands
from almanac.workloads.logs.model import LogModel
from tests.logs.log_samples import fitted


@pytest.fixture(scope="session")
def log_model() -> LogModel:
    """A model of the generated statements and sessions."""
    return fitted()


@pytest.fixture
def commands_project(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An installation on the database of the test, which the commands of logs use."""
    project = Project(settings)
    monkeypatch.setattr(commands, "Project", lambda _settings: project)
    yield project
    project.database.engine.dispose()

"""The tables of a small incremental workload."""

import pytest

from almanac.store.connections.database import Database
from almanac.store.publishing.incremental import increments
from tests.store.incremental_workload import create_tables


@pytest.fixture
def diary_tables(owner: Database) -> None:
    """The tables of the diary, in the fresh database."""
    create_tables(owner)


@pytest.fixture
def no_absorbing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of any size count as large, so that none is absorbed."""
    monkeypatch.setattr(increments, "LARGEST_ROWS", 0)

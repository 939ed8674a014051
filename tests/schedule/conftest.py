"""The bench of the tests about schedules."""

from collections.abc import Iterator

import pytest

from almanac.runner.schedule.loop import connect
from tests.schedule.made_up_runs import Bench, MadeUpRuns


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    with connect(database_url) as connection:
        yield Bench(connection, MadeUpRuns(connection))

"""What the games tests share: models that do not fight over processors."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let sums run on one thread: on so few games several only wait for each other."""
    with threadpool_limits(limits=1):
        yield

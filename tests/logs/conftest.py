"""What the tests of logs share."""

import pytest
from made_logs import fitted

from almanac.workloads.logs.model import LogModel


@pytest.fixture(scope="session")
def log_model() -> LogModel:
    """A model of the generated statements and sessions."""
    return fitted()

"""almanac db …: the embedded server, from nothing to stopped."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from house import ROOT, House

from almanac.contract import SCHEMA_REVISION

pytestmark = pytest.mark.slow


@pytest.fixture
def short() -> Iterator[House]:
    """An installation with the sources of the checkout and an embedded database, in a folder with a short name."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        for part in ("src", "serve"):
            Path(folder, part).symlink_to(ROOT / part)
        made = House(Path(folder))
        yield made
        made.almanac("db", "stop")


def test_the_embedded_database_starts_is_migrated_tells_its_url_and_stops(short: House) -> None:
    house = short
    before = json.loads(house.almanac("db", "status", "--json").stdout)
    started = house.almanac("db", "start")
    migrated = house.almanac("db", "migrate")
    status = json.loads(house.almanac("db", "status", "--json").stdout)
    url = house.almanac("db", "url", "--role", "reader").stdout.strip()
    with psycopg.connect(url) as reader:
        assert reader.execute("SELECT revision FROM api.schema_version").fetchone() == (SCHEMA_REVISION,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM almanac.runs")
    stopped, again = house.almanac("db", "stop"), house.almanac("db", "stop")
    assert before == {"kind": "embedded", "running": False, "revision": None, "needed": SCHEMA_REVISION}
    assert (started.returncode, migrated.returncode) == (0, 0)
    assert status == {"kind": "embedded", "running": True, "revision": SCHEMA_REVISION, "needed": SCHEMA_REVISION}
    assert (stopped.stdout, again.stdout) == ("PostgreSQL is stopped.\n", "PostgreSQL was not running.\n")

"""`almanac audit` shows the trail and checks it; tampering ends with the exit code of a broken chain."""

import json

import pytest

from almanac.store.connections.database import Database
from almanac.store.records import audit
from tests.cli.conftest import Almanac
from tests.queries import within


@pytest.fixture
def trail(owner: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A trail of two rows in the database that the commands use."""
    monkeypatch.setenv("DATABASE_URL", owner.url)
    for who in ("anna", "ben"):
        within(owner, audit.append, "login", who=who)
    return owner


def test_the_trail_is_shown_checked_and_compared_with_a_note(trail: Database, almanac: Almanac) -> None:
    newest = json.loads(almanac("audit", "--limit", "1", "--json").out)
    assert [(row["audit_id"], row["action"], row["who"]) for row in newest] == [(2, "login", "ben")]
    assert "anna" in almanac("audit").out
    checked = almanac("audit", "--verify")
    assert (checked.code, "is whole: 2 rows up to number 2" in checked.out) == (0, True)
    note = f"2:{newest[0]['hash'][:16]}"
    assert almanac("audit", "--noted", note).code == 0
    other = almanac("audit", "--noted", "2:0123456789abcdef")
    assert (other.code, "another hash than the one that was noted" in other.err) == (9, True)
    assert almanac("audit", "--noted", "nonsense").code == 2


def test_a_changed_row_ends_with_the_code_of_a_broken_chain(trail: Database, almanac: Almanac) -> None:
    with trail.connect(autocommit=True) as connection:
        connection.execute("ALTER TABLE almanac.audit DISABLE TRIGGER ALL")
        connection.execute("UPDATE almanac.audit SET who = 'nobody' WHERE audit_id = 1")
    ended = almanac("audit", "--verify")
    assert (ended.code, "row 1 was changed after it was written" in ended.err) == (9, True)
    assert json.loads(almanac("audit", "--verify", "--json").out)["broken"]

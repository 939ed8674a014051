"""The audit trail takes rows and gives none back; a changed, missing or cut-off row is noticed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from almanac.store.connections.database import Database
from almanac.store.records import audit
from almanac.store.records.audit import Examined, Filters
from tests.queries import one, rows, within

NOW = datetime.now(UTC)


@pytest.fixture
def trail(owner: Database) -> Database:
    """A database whose trail has five rows."""
    for number in range(1, 6):
        within(owner, append, number)
    return owner


def append(connection: Any, number: int) -> None:
    detail = {"why": f"reason {number} – 'ü'\\"}
    audit.append(connection, "login", who=f"user{number}", subject="s", address="192.0.2.1", detail=detail)


def tamper(database: Database, *statements: str) -> None:
    """What somebody does who owns the tables and turns the triggers off."""
    with database.connect(autocommit=True) as connection:
        connection.execute("ALTER TABLE almanac.audit DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute("ALTER TABLE almanac.audit ENABLE TRIGGER ALL")


def broken(database: Database, noted: tuple[int, str] | None = None) -> tuple[str, ...]:
    examined: Examined = within(database, audit.examine, noted)
    return examined.broken


def test_rows_are_numbered_without_gaps_and_linked(trail: Database) -> None:
    examined = within(trail, audit.examine)
    assert (examined.rows, examined.number, examined.broken) == (5, 5, ())
    linked = rows(
        trail, "SELECT lag(hash, 1, '') OVER (ORDER BY audit_id) = previous_hash FROM almanac.audit"
    )
    assert linked == [(True,)] * 5
    newest = within(trail, lambda connection: audit.newest(connection, Filters(who="user4"), limit=9))
    assert [(row["audit_id"], row["action"], row["address"]) for row in newest] == [(4, "login", "192.0.2.1")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE almanac.audit SET who = 'nobody' WHERE audit_id = 3",
        "DELETE FROM almanac.audit WHERE audit_id = 3",
        "TRUNCATE almanac.audit",
        "UPDATE almanac.audit_seals SET hash = ''",
        "TRUNCATE almanac.audit_seals",
    ],
)
def test_even_the_owner_is_refused_a_change(trail: Database, statement: str) -> None:
    with trail.connect() as connection:
        connection.execute("INSERT INTO almanac.audit_seals VALUES (1, 'x')")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(statement.encode())


def test_the_role_of_the_server_writes_through_functions_alone(database_url: str, trail: Database) -> None:
    access = Database(database_url, "access")
    assert one(access, 'SELECT api.audit_append(\'{"event_id":"%s","action":"x"}\')' % ("0" * 32)) == 6
    for statement in (
        "SELECT * FROM almanac.audit",
        "INSERT INTO almanac.audit_seals VALUES (1, 'x')",
        "SELECT almanac.audit_prune(now(), 'me')",
        "SELECT almanac.audit_write('{}')",
        "SELECT * FROM almanac.rate_limits",
    ):
        with access.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    access.engine.dispose()


def test_an_event_that_is_sent_twice_is_one_row(trail: Database) -> None:
    event = 'SELECT api.audit_append(\'{"event_id": "00000000-0000-4000-8000-000000000001", "action": "x"}\')'
    assert (one(trail, event), one(trail, event)) == (6, 6)
    assert one(trail, "SELECT count(*) FROM almanac.audit") == 6


def test_a_changed_row_is_noticed(trail: Database) -> None:
    tamper(trail, "UPDATE almanac.audit SET who = 'nobody' WHERE audit_id = 3")
    assert broken(trail) == ("row 3 was changed after it was written",)


def test_a_row_whose_hash_was_made_anew_is_noticed_by_the_next(trail: Database) -> None:
    tamper(
        trail,
        "UPDATE almanac.audit SET who = 'nobody' WHERE audit_id = 3",
        "UPDATE almanac.audit AS a SET hash = "
        "encode(sha256(convert_to(previous_hash || almanac.audit_text(a), 'UTF8')), 'hex') "
        "WHERE audit_id = 3",
    )
    assert broken(trail) == ("row 4 does not follow the row before it",)


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ("3", "rows 3 to 3 are missing"),
        ("1, 2", "rows 1 to 2 are missing"),
        ("4, 5", "the trail ends at row 3, but its head says 5"),
    ],
)
def test_missing_rows_are_noticed_wherever_they_were(trail: Database, numbers: str, fault: str) -> None:
    tamper(trail, f"DELETE FROM almanac.audit WHERE audit_id IN ({numbers})")
    assert broken(trail) == (fault,)


def test_a_trail_that_was_written_anew_is_noticed_by_a_note(trail: Database) -> None:
    noted = within(trail, audit.examine)
    note = (noted.number, noted.hash)
    assert broken(trail, note) == ()
    tamper(trail, "DELETE FROM almanac.audit", "UPDATE almanac.audit_head SET audit_id = 0, hash = ''")
    for number in range(1, 6):
        within(trail, append, number)
    assert broken(trail) == ()
    assert broken(trail, note) == ("row 5 has another hash than the one that was noted",)


def test_a_pruned_trail_verifies_from_its_seal(trail: Database) -> None:
    middle = one(trail, "SELECT recorded_at FROM almanac.audit WHERE audit_id = 4")
    assert within(trail, lambda connection: audit.prune(connection, middle, who="me")) == 3
    assert [number for (number,) in rows(trail, "SELECT audit_id FROM almanac.audit ORDER BY 1")] == [4, 5, 6]
    assert (
        one(trail, "SELECT action || (detail ->> 'up_to') FROM almanac.audit WHERE audit_id = 6")
        == "audit_prune3"
    )
    assert broken(trail) == ()
    assert broken(trail, (2, "00000000")) == ("row 2, whose hash was noted, is no longer there",)
    assert within(trail, lambda connection: audit.prune(connection, middle, who="me")) == 0


def test_a_seal_that_no_pruning_has_left_is_noticed(trail: Database) -> None:
    with trail.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO almanac.audit_seals SELECT audit_id, hash FROM almanac.audit WHERE audit_id = 2"
        )
        connection.execute("DELETE FROM almanac.audit WHERE audit_id <= 2")
    assert broken(trail) == ("the seal at row 2 is not the one that pruning has recorded",)


def test_a_whole_trail_that_is_pruned_goes_on(trail: Database) -> None:
    later = NOW + timedelta(days=1)
    assert within(trail, lambda connection: audit.prune(connection, later, who="me")) == 5
    within(trail, append, 7)
    examined = within(trail, audit.examine)
    assert (examined.rows, examined.number, examined.broken) == (2, 7, ())


def test_refusals_beyond_the_limits_become_one_row_each_minute(trail: Database) -> None:
    for _ in range(3):
        one(trail, "SELECT api.audit_count('login_limited', 'eva', '192.0.2.0/24')::text")
    with trail.connect(autocommit=True) as connection:
        connection.execute("UPDATE almanac.audit_counts SET minute = minute - interval '1 minute'")
    within(trail, append, 6)
    counted = rows(
        trail, "SELECT who, address, outcome, detail -> 'count' FROM almanac.audit WHERE audit_id = 6"
    )
    assert counted == [("eva", "192.0.2.0/24", "refused", 3)]
    assert one(trail, "SELECT count(*) FROM almanac.audit_counts") == 0
    assert broken(trail) == ()


def test_counts_of_one_minute_have_an_end(owner: Database) -> None:
    called = "api.audit_count('login_limited', 'name' || n, 'net')::text"
    query = f"SELECT count({called}) FROM generate_series(1, 1200) AS n"
    minutes = []
    for _ in range(2):
        one(owner, query)
        minutes.append(one(owner, "SELECT count(DISTINCT minute) FROM almanac.audit_counts"))
    assert one(owner, "SELECT count(*) FROM almanac.audit_counts") <= 1_001 * minutes[-1]
    assert one(owner, "SELECT sum(count) FROM almanac.audit_counts") == 2_400

"""A workload's own SQL: each file is applied once, and the ingest role may only call functions."""

from pathlib import Path

import psycopg
import pytest

from almanac import discovery
from almanac.errors import ContractError
from almanac.store.connections.database import Database
from almanac.store.schema import ensure, migrate, workload_sql
from tests.queries import one, rows
from tests.stub import STUB

TABLE = """
CREATE TABLE almanac.stub_notes (note_id text PRIMARY KEY, words text NOT NULL);
CREATE VIEW api.stub_notes AS SELECT note_id, words FROM almanac.stub_notes WHERE words LIKE '%';
GRANT SELECT ON api.stub_notes TO almanac_reader, almanac_worker;
"""
RECORDED = """
    SELECT name, length(sha256), applied_at <= now() FROM almanac.workload_migrations
    WHERE workload = 'stub' ORDER BY name
"""
COUNT_RECORDED = "SELECT count(*) FROM almanac.workload_migrations WHERE workload = 'stub'"
NO_TABLE = "SELECT to_regclass('almanac.stub_notes') IS NULL AND to_regclass('almanac.stub_more') IS NULL"
FUNCTION = """
CREATE FUNCTION api.note(given_id text, given_words text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO almanac.stub_notes VALUES (given_id, given_words) ON CONFLICT DO NOTHING RETURNING true
$$;
GRANT EXECUTE ON FUNCTION api.note TO almanac_ingest;
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of the stub, in a folder of its own."""
    monkeypatch.setattr(discovery, "WORKLOADS", tmp_path)
    migrations = tmp_path / "stub" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_notes.sql").write_text(TABLE)
    return migrations


def apply(owner: Database) -> list[str]:
    with owner.engine.begin() as connection:
        return workload_sql.migrate(connection, "stub")


def test_a_file_is_applied_once_and_in_order(folder: Path, owner: Database) -> None:
    (folder / "0002_note.sql").write_text(FUNCTION)
    assert apply(owner) == ["0001_notes.sql", "0002_note.sql"]
    assert apply(owner) == []
    assert rows(owner, RECORDED) == [("0001_notes.sql", 64, True), ("0002_note.sql", 64, True)]


def test_a_new_file_is_applied_although_the_contract_is_unchanged(folder: Path, owner: Database) -> None:
    with owner.engine.begin() as connection:
        ensure.ensure(connection, STUB)
    (folder / "0002_note.sql").write_text(FUNCTION)
    assert migrate.migrate(Database(owner.url, "login"), {"stub": STUB})
    assert one(owner, COUNT_RECORDED) == 2


def test_a_file_that_was_applied_and_changed_is_refused_with_the_way_out(
    folder: Path, owner: Database
) -> None:
    apply(owner)
    (folder / "0001_notes.sql").write_text(TABLE + "-- more")
    (folder / "0002_note.sql").write_text(FUNCTION)
    message = r"0001_notes\.sql of 'stub' was applied and then changed\. Restore the file"
    with pytest.raises(ContractError, match=message):
        apply(owner)
    assert one(owner, COUNT_RECORDED) == 1


def test_a_database_that_is_ahead_of_the_program_is_refused(folder: Path, owner: Database) -> None:
    apply(owner)
    (folder / "0001_notes.sql").unlink()
    message = r"has migration 0001_notes\.sql of 'stub', which this program lacks\. Use the program that"
    with pytest.raises(ContractError, match=message):
        apply(owner)


def test_a_file_that_fails_changes_nothing(folder: Path, owner: Database) -> None:
    (folder / "0002_broken.sql").write_text("CREATE TABLE almanac.stub_more (n int); SELECT 1 / 0;")
    reason = r"0002_broken\.sql of 'stub' failed and was undone: division by zero"
    with pytest.raises(ContractError, match=reason):
        apply(owner)
    assert one(owner, COUNT_RECORDED) == 0
    assert one(owner, NO_TABLE)


def test_the_ingest_role_calls_functions_and_reads_no_table(folder: Path, owner: Database) -> None:
    (folder / "0002_note.sql").write_text(FUNCTION)
    apply(owner)
    ingest = Database(owner.url, "ingest")
    refused = (
        "SELECT * FROM api.stub_notes",
        "SELECT * FROM api.workloads",
        "SELECT * FROM almanac.stub_notes",
        "CREATE TABLE api.x (n int)",
    )
    with ingest.connect(autocommit=True) as connection:
        assert connection.execute("SELECT api.note('a', 'first')").fetchone() == (True,)
        assert connection.execute("SELECT api.note('a', 'second')").fetchone() == (None,)
        for statement in refused:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert rows(owner, "SELECT note_id, words FROM api.stub_notes") == [("a", "first")]


def test_a_function_can_be_called_only_after_a_grant(folder: Path, owner: Database, reader: Database) -> None:
    (folder / "0002_note.sql").write_text(FUNCTION)
    apply(owner)
    with reader.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT api.note('a', 'first')")


def test_the_newest_rows_of_a_view_come_as_a_frame_oldest_first(
    folder: Path, owner: Database, worker: Database
) -> None:
    apply(owner)
    with owner.connect() as connection:
        connection.execute("INSERT INTO almanac.stub_notes VALUES ('a', 'one'), ('c', 'three'), ('b', 'two')")
    newest = workload_sql.newest_rows(worker, "stub", "notes", by="note_id", limit=2)
    assert newest.to_dict("list") == {"note_id": ["b", "c"], "words": ["two", "three"]}
    empty = workload_sql.newest_rows(worker, "stub", "notes", by="note_id", limit=0)
    assert list(empty.columns) == ["note_id", "words"]


def test_the_files_of_each_workload_are_numbered_without_a_gap() -> None:
    assert discovery.migrations("nobody") == []
    for name in discovery.names():
        prefixes = [path.name[:5] for path in discovery.migrations(name)]
        assert prefixes == [f"{number:04d}_" for number in range(1, len(prefixes) + 1)]
